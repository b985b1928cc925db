"""`python -m pgheadroom`."""

from pgheadroom.cli import program

if __name__ == "__main__":
    program()
