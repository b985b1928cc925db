"""The superuser of a demo, for a second terminal: `sh .../dba "ALTER ROLE ..."`. Not everybody has psql at hand."""

import shlex
import sys
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgheadroom.demo.stage import Demo


def put_dba(outage: Demo) -> str:
    """Put a script into the demo's folder, where it goes with the demo; the command that runs a statement with it."""
    host = conninfo_to_dict(outage.superuser_conninfo)["host"]
    script = Path(str(host)).parent / "dba"
    command = shlex.join([sys.executable, "-m", __spec__.name, outage.superuser_conninfo])
    script.write_text(f'exec {command} "$*"\n')
    return f"sh {shlex.quote(str(script))}"


def main() -> int:
    """Run the statement of the second argument on the server of the first."""
    conninfo, statement = sys.argv[1:]
    try:
        with psycopg.connect(conninfo, autocommit=True) as superuser:
            sys.stdout.write(f"{superuser.execute(statement.encode()).statusmessage}\n")
    except psycopg.Error as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
