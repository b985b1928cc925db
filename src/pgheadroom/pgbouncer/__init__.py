"""IO with PgBouncer's admin console."""
