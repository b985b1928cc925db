"""Files that settings and secrets come from."""

import os
import select
import stat
import time
from pathlib import Path

from pgheadroom.errors import ConfigError

_MOST_BYTES = 4 << 20
_PIPE_WITHIN = 5.0
"""Seconds for what a pipe gives, as in `--config <(program)`."""


def read_by_others(told: os.stat_result) -> bool:
    """Whether a secret in a file is none. As libpq has it for a key: a group may read what is root's."""
    return bool(told.st_mode & (0o044 if told.st_uid else 0o004))


def contents(path: Path) -> tuple[bytes, os.stat_result]:
    """The bytes of a file, or of a pipe that somebody writes into now, and what the system says of it.

    Raises:
        OSError: It cannot be read.
        ConfigError: It is nothing that a person has written, whatever it holds.
    """
    # O_NONBLOCK: a pipe into which nobody writes must not be waited for.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        told = os.fstat(file)
        mode = told.st_mode
        raw, ends = b"", time.monotonic() + _PIPE_WITHIN
        while len(raw) <= _MOST_BYTES:
            if not stat.S_ISREG(mode) and not select.select([file], [], [], max(0.0, ends - time.monotonic()))[0]:
                raise ConfigError(f"{path}: nothing came within {_PIPE_WITHIN:g} s")
            piece = os.read(file, 65536)
            if not piece:
                break
            raw += piece
    finally:
        os.close(file)
    if len(raw) > _MOST_BYTES:
        raise ConfigError(f"{path}: larger than {_MOST_BYTES >> 20} MB: this is no configuration")
    if not raw and not stat.S_ISREG(mode):
        raise ConfigError(f"{path}: it is empty, and not a file")
    return raw, told
