"""`python -m pgheadroom`."""

import sys

from pgheadroom.cli import main

if __name__ == "__main__":
    sys.exit(main())
