"""IO with PostgreSQL."""
