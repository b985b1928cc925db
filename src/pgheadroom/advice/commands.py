"""Commands of this program, to be copied into a shell."""

import shlex

from pgheadroom.words.text import safe


def command(*words: str) -> tuple[str, ...]:
    """The command; none where a word of it is not shown whole, for typed from the screen it would be another one."""
    return (shlex.join(["pgheadroom", *words]),) if all(safe(word) == word for word in words) else ()
