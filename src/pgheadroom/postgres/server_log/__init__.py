"""What a server's log says of those who were not let in: its formats, and the ways to read it."""
