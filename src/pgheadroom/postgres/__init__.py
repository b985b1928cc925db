"""IO with PostgreSQL."""

from pgheadroom.postgres.two_parts import load_first_part

load_first_part()
