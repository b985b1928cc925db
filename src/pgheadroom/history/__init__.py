"""What was before: numbers of past samples. No IO."""
