"""What a sample means: pure functions from a `Snapshot` (and `Thresholds`) to values of the model."""
