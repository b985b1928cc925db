"""How it is in a word, over time, and how one gets there. Pure."""
