"""Write requirements.txt and requirements-dev.txt, with the hashes of every file the registry has for a version.

`make lock` runs it. The local configuration of pip is left aside, so that the hashes are the registry's, and no address
of it gets into the files.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
OPTIONS = (
    "--quiet",
    "--upgrade",
    "--generate-hashes",
    "--strip-extras",
    "--no-header",
    "--no-emit-options",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-emit-trusted-host",
    "--annotation-style=line",
)


def compile_to(target: str, *arguments: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL")}
    command = [sys.executable, "-m", "piptools", "compile", *OPTIONS, "--output-file", target, *arguments]
    subprocess.run(command, check=True, cwd=ROOT, env={**kept, "PIP_CONFIG_FILE": os.devnull})


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    # With what builds the program itself: the Makefile installs it without looking anything up.
    compile_to("requirements.txt", "--extra=demo", "--all-build-deps", "pyproject.toml")
    # A file for as long as it takes, here: from elsewhere `-c` would not find the other one.
    tools = ROOT / "dev.in"
    # With the extras that only the agent needs: its tests run beside the others.
    extras = project["project"]["optional-dependencies"]
    agents = [*extras["metrics"], *extras["notify"]]
    tools.write_text("\n".join(["-c requirements.txt", *project["dependency-groups"]["dev"], *agents]))
    try:
        compile_to("requirements-dev.txt", tools.name)
    finally:
        tools.unlink()


if __name__ == "__main__":
    main()
