"""What pools of PgBouncer promise and may do. Pure."""
