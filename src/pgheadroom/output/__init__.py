"""A sample as bytes for elsewhere: pure functions from a `Snapshot` to text."""
