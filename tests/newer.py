"""Unpack programs that are newer than this machine's Debian, each with its libraries, and install nothing.

`make` runs it: `python tests/newer.py FOLDER NAME...`. What this machine's own Debian archive has in newer suites is
downloaded into a private folder of apt, unpacked there, and made to run on its own C library. Afterwards FOLDER has a
link NAME to each program, or to its folder of programs. What cannot be had (no Debian, another processor, no network)
is said in a line, and is no failure here: in CI the tests that want it fail.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SUITES = ("trixie", "sid", "experimental")
_SOURCES = (Path("/etc/apt/sources.list.d"), Path("/etc/apt/sources.list"))
_LIBRARY = re.compile(r"lib|tzdata|media-types")
_NOT_NEEDED = re.compile(r"perl|llvm|clang|libpython2|debconf|debian-installer|pam-|semanage|newt|slang|libjs-|systemd")
"""Packages that the programs name and that a test does not need: they are large, or only for installing."""
_NO_DEPENDENCY = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances", "pre-depends")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A package, the suite that it is taken from, and where its program is.

    Attributes:
        suite: Of the package itself.
        libraries: The suite of what it depends on; an experimental package rests on sid.
        program: The place of the program, or of its folder, below the unpacked root; may hold `*`.
    """

    package: str
    suite: str
    libraries: str
    program: str
    also: tuple[str, ...] = ()


CATALOGUE = {
    "pgbouncer-trixie": Wanted("pgbouncer", "trixie", "trixie", "usr/sbin/pgbouncer"),
    "pgbouncer-sid": Wanted("pgbouncer", "sid", "sid", "usr/sbin/pgbouncer"),
    "odyssey": Wanted("odyssey", "sid", "sid", "usr/*/odyssey"),
    "prometheus": Wanted("prometheus", "trixie", "trixie", "usr/bin", ("promtool",)),
    "node-exporter": Wanted("prometheus-node-exporter", "trixie", "trixie", "usr/bin"),
    "pg19": Wanted("postgresql-19", "experimental", "sid", "usr/lib/postgresql/19/bin"),
    "python3.13": Wanted("python3.13", "trixie", "trixie", "usr", ("python3.13-venv",)),
    "python3.14": Wanted("python3.14", "sid", "sid", "usr", ("python3.14-venv",)),
}


class NotToBeHad(Exception):  # noqa: N818 - it is what happened
    """Why something cannot be unpacked here, in a line."""


class Archive:
    """The machine's own Debian archive, with its newer suites, in a private folder of apt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("etc", "lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "etc" / "newer.sources").write_text(own_source())
        self._options = (
            "Dir::Etc::SourceList=/dev/null",
            f"Dir::Etc::SourceParts={folder}/etc",
            f"Dir::State::Lists={folder}/lists",
            f"Dir::Cache={folder}/cache",
            "Dir::State::status=/dev/null",
            "APT::Sandbox::User=",
        )
        self.apt("apt-get", "update")

    def apt(self, program: str, *arguments: str, cwd: Path | None = None) -> str:
        """The output of one of apt's programs.

        Raises:
            NotToBeHad: With the last line of what it said.
        """
        options = [word for option in self._options for word in ("-o", option)]
        done = subprocess.run(
            [program, *options, "-q", *arguments], cwd=cwd, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotToBeHad(f"{program} {arguments[0]}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
        return done.stdout

    def unpack(self, wanted: Wanted, root: Path) -> None:
        """The package and all libraries that it needs, below `root`."""
        packages = root.with_name(f"{root.name}.packages")
        for fresh in (root, packages):
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
        names = [f"{wanted.package}/{wanted.suite}", *(f"{name}/{wanted.suite}" for name in wanted.also)]
        names += [f"{name}/{wanted.libraries}" for name in self._libraries(wanted)]
        self.apt("apt-get", "download", *names, cwd=packages)
        for package in sorted(packages.glob("*.deb")):
            subprocess.run(["dpkg", "-x", package, root], check=True)
        shutil.rmtree(packages)

    def _libraries(self, wanted: Wanted) -> list[str]:
        flags = ["--recurse", *(f"--no-{kind}" for kind in _NO_DEPENDENCY)]
        suite = ["-o", f"APT::Default-Release={wanted.libraries}"]
        told = self.apt("apt-cache", *suite, "depends", *flags, wanted.package, *wanted.also).splitlines()
        names = {name for name in told if re.match("[a-z]", name)} - {wanted.package, *wanted.also}
        needed = (name for name in names if _LIBRARY.match(name) or name.startswith(wanted.package))
        return sorted(name for name in needed if not _NOT_NEEDED.search(name))


def own_source() -> str:
    """The machine's first source of Debian packages, with the newer suites in place of its own.

    Raises:
        NotToBeHad: It has none that can be read.
    """
    for text in _source_texts():
        if entry := re.search(r"(?ms)^Types: *deb\b.*?^URIs:.*?(?=\n\s*\n|\Z)", text):
            stanza = re.sub(r"(?m)^Suites:.*", f"Suites: {' '.join(SUITES)}", entry[0])
            return re.sub(r"(?m)^Components:.*", "Components: main", stanza) + "\n"
        if line := re.search(r"(?m)^deb +(?:\[.*?\] +)?(\S+)", text):
            return f"Types: deb\nURIs: {line[1]}\nSuites: {' '.join(SUITES)}\nComponents: main\n"
    raise NotToBeHad("this machine has no source of Debian packages")


def _source_texts() -> Iterator[str]:
    for place in _SOURCES:
        for file in sorted(place.glob("debian*.sources")) if place.is_dir() else [place]:
            if file.is_file():
                yield file.read_text()


def run_on_own_libraries(root: Path) -> None:
    """Have each program below `root` use the loader and the libraries that were unpacked with it."""
    loader = next(root.glob("**/ld-linux-x86-64.so.2"))
    paths = ":".join(str(root / place) for place in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"))
    for program in _programs(root):
        arguments: list[str | Path] = ["--set-interpreter", loader, "--force-rpath", "--set-rpath", paths, program]
        subprocess.run([_patchelf(), *arguments], check=True, capture_output=True)


def _programs(root: Path) -> Iterator[Path]:
    """What is executed and names a loader: neither libraries nor what is linked statically."""
    for place in ("usr/bin", "usr/sbin", "usr/lib/postgresql"):
        for file in (root / place).glob("**/*"):
            if not file.is_symlink() and file.is_file() and os.access(file, os.X_OK):
                with file.open("rb") as opened:
                    head = opened.read(4096)
                if head.startswith(b"\x7fELF") and b"/ld-linux" in head:
                    yield file


def _patchelf() -> Path:
    return Path(sys.executable).with_name("patchelf")


def have(folder: Path, names: Iterable[str]) -> None:
    """Link each name into `folder`, unpacking what is not there yet.

    Raises:
        NotToBeHad: This machine cannot have them.
    """
    missing = [name for name in names if not (folder / name).exists()]
    if not missing:
        return
    if platform.machine() != "x86_64" or not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise NotToBeHad("they are unpacked from Debian's packages, for Linux on x86-64")
    print(f"unpacking {', '.join(missing)} ...", file=sys.stderr)
    archive = Archive(folder / "apt")
    for name in missing:
        wanted, root = CATALOGUE[name], folder / "roots" / name
        archive.unpack(wanted, root)
        run_on_own_libraries(root)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(next(root.glob(wanted.program)))
    # The tests' servers run as another user than root.
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)


def main() -> None:
    folder, names = Path(sys.argv[1]).resolve(), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        have(folder, names)
    except (NotToBeHad, OSError, subprocess.CalledProcessError, StopIteration) as error:
        lacking = ", ".join(name for name in names if not (folder / name).exists())
        print(f"not tested, for they cannot be had here: {lacking} ({error})", file=sys.stderr)


if __name__ == "__main__":
    main()
