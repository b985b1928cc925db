"""How many of what, in English."""


def they(count: int, noun: str, verb: str) -> str:
    """`1 client waits`, `3 clients wait`."""
    return f"{plural(count, noun)} {verb}{'s' if count == 1 else ''}"


def a(noun: str) -> str:
    """With its article: `an ordinary slot`, `a superuser slot`."""
    return f"{'an' if noun[:1] in 'aeio' else 'a'} {noun}"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """`1 session`, `3 sessions`."""
    return f"{count} {noun if count == 1 else nouns or noun + 's'}"
