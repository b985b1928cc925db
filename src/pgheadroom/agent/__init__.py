"""The process without a screen: it holds one slot for each target, and tells whoever asks what it saw last."""
