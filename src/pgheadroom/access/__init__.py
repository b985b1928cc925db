"""Getting in: when to try again, and what helps. Pure."""
