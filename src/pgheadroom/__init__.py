"""PostgreSQL connection headroom: how many slots are left, who holds them, and how to get them back."""

__version__ = "0.1.0"
