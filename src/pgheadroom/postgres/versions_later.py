"""psycopg's versions without `importlib.metadata`, which loads readers of mail and of zip files: 15 ms and 1 MB."""

from pathlib import Path

from pgheadroom.loaded_later import load, put_off

_MODULE = "importlib.metadata"
_BEHIND = ".dist-info"


def put_off_metadata(folder: Path) -> None:
    """Until more is asked than versions of what is installed in this folder.

    Source: the packaging specification "Recording installed projects": there is a folder `name-version.dist-info`.
    """

    def version(distribution: str) -> str:
        before = f"{distribution.replace('-', '_')}-"
        found = [path.name for path in folder.glob(f"{before}[0-9]*{_BEHIND}")]
        if len(found) == 1:
            return found[0].removeprefix(before).removesuffix(_BEHIND)
        told: str = load(_MODULE).version(distribution)
        return told

    put_off(_MODULE, version=version)
