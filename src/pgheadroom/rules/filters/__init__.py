"""Which sessions are meant: the language of filters. Pure."""
