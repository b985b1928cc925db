"""What one sample says by itself: who holds slots, who waits for whom, how much is left. Pure."""
