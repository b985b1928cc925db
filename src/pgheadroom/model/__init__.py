"""The vocabulary: immutable values, no IO."""
