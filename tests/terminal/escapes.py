"""What a program's escape sequences did to the terminal."""

import re

_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
_KITTY_PUSHED, _KITTY_POPPED = re.compile(rb"\x1b\[>[0-9;]*u"), re.compile(rb"\x1b\[<[0-9;]*u")

# Modes that are on in a new terminal: lines wrap (7), the cursor is seen (25). All others are off.
_ON = {7, 25}


def modes_changed(output: bytes | bytearray) -> set[int | str]:
    """Modes that are not as they were before: 1049 is the alternate screen, 1000-1006 the mouse, 25 the cursor."""
    last: dict[int, bool] = {}
    for numbers, letter in _MODE.findall(output):
        last |= {int(number): letter == b"h" for number in numbers.split(b";")}
    changed: set[int | str] = {number for number, on in last.items() if on != (number in _ON)}
    if len(_KITTY_PUSHED.findall(output)) > len(_KITTY_POPPED.findall(output)):
        changed.add("kitty keys")
    return changed


def colours(output: bytes | bytearray) -> set[int]:
    """The colours that were set, as SGR numbers: 30-37 and 90-97 in front, 40-47 and 100-107 behind, 38 and 48 more."""
    numbers = {int(number) for found in _SGR.findall(output) for number in re.split(rb"[;:]", found) if number}
    return {number for number in numbers if 30 <= number <= 38 or 40 <= number <= 48 or 90 <= number <= 107}
