"""Pure functions from snapshots to what they mean."""
