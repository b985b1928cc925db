"""Who is signalled, and what came of it. Pure."""
