"""Pure: a snapshot as text or JSON."""
