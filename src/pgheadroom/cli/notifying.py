"""From the configuration to the channels of a run, their secrets checked and kept out of everything that is said."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from pgheadroom.cli.diagnostics import keep_secret
from pgheadroom.config_file import Configuration
from pgheadroom.errors import ConfigError, UsageError
from pgheadroom.files import contents, read_by_others
from pgheadroom.model.notification import COMMAND, Channel

_SHORTEST_SECRET = 4


def channels_of(
    configuration: Configuration, notify: Sequence[str], command: Sequence[str], target: str, only: Sequence[str] = ()
) -> tuple[Channel, ...]:
    """The channels that are told of a target's troubles, their URLs read.

    Args:
        notify: Names that the configuration has for it.
        command: Its `notify_command`.
        only: Names that were chosen in their place, among them perhaps `command`.

    Raises:
        UsageError: There is no such channel, or its URL can be read by others.
    """
    names = dict.fromkeys(only or notify)
    if unknown := [name for name in names if name not in (*configuration.channels, COMMAND)]:
        there = ", ".join(configuration.channels) or "none"
        raise UsageError(f"there is no channel '{unknown[0][:40]}'; there are: {there}")
    chosen = [configuration.channels[name] for name in names if name != COMMAND]
    if command and (not only or COMMAND in only):
        chosen.append(Channel(f"{COMMAND}:{target}" if target else COMMAND, command=tuple(command)))
    return tuple(_readable(one, configuration) for one in chosen)


def _readable(channel: Channel, configuration: Configuration) -> Channel:
    """The channel with its URL, where it has one."""
    if channel.url and configuration.exposed:
        file = configuration.exposed
        raise UsageError(f"{file} holds the URL of channel {channel.name}, and others can read it: chmod 600 {file}")
    if channel.url_file:
        channel = replace(channel, url=_url_in(Path(channel.url_file), channel.name))
    _learn(channel)
    return channel


def _url_in(path: Path, name: str) -> str:
    try:
        raw, told = contents(path)
    except OSError as error:
        raise ConfigError(f"{path}: {os.strerror(error.errno or 0)} (the URL of channel {name})") from None
    if read_by_others(told):
        raise UsageError(f"{path} holds the URL of channel {name}, and others can read it: chmod 600 {path}")
    url = raw.decode(errors="replace").strip()
    if "://" not in url or len(url.split()) > 1:
        raise ConfigError(f"{path}: must hold the URL of channel {name}, and nothing else")
    return url


def _learn(channel: Channel) -> None:
    """Whatever goes wrong later, no text that we do not write ourselves shows them."""
    pieces: Iterable[str] = (
        channel.url,
        *channel.url.partition("://")[2].replace("@", "/").replace(":", "/").split("/"),
    )
    for piece in (*pieces, *channel.command[1:]):
        for secret in (piece, unquote(piece)):
            if len(secret) >= _SHORTEST_SECRET:
                keep_secret(secret)
