"""Servers that the demo and the tests bring: PostgreSQL and PgBouncer, started and stopped."""
