"""`--web.config.file`: TLS and basic auth in the form that the exporters of the Prometheus community use.

Source: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md. What of it is not known
here is refused rather than ignored: it would be taken for protection.
"""

import hashlib
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pgheadroom.errors import UsageError

_TLS = ("cert_file", "key_file", "client_auth_type", "client_ca_file", "min_version")
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CLIENTS = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_NOBODY = b"$2b$10$abcdefghijklmnopqrstuuE5mQ2PzJ6hHnSdVrR0ZyqHfVdVfVdVe"
_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What a file says.

    Attributes:
        tls: None where the line is not encrypted.
        users: The bcrypt hash of each; empty where nobody is asked who he is.
    """

    tls: ssl.SSLContext | None = None
    users: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def load(path: Path) -> WebConfig:
    """Read a file; paths in it are relative to its folder.

    Raises:
        UsageError: It cannot be read, or has what is not known.
    """
    import yaml

    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UsageError(f"{path}: not YAML") from None  # without the line: it may hold a hash
    _only(path, "", said, ("tls_server_config", "basic_auth_users"))
    users = said.get("basic_auth_users") or {}
    if not isinstance(users, dict) or not all(isinstance(one, str) and one.startswith("$2") for one in users.values()):
        raise UsageError(f"{path}: basic_auth_users: must be names with bcrypt hashes")
    tls = said.get("tls_server_config")
    return WebConfig(_context(path, tls) if tls else None, {str(name): users[name].encode() for name in users})


def _only(path: Path, where: str, said: object, allowed: tuple[str, ...]) -> None:
    if not isinstance(said, dict):
        raise UsageError(f"{path}: {where or 'it'} must be a table of names and values")
    for key in said:
        if key not in allowed:
            raise UsageError(f"{path}: {where}{key}: not known here; known: {', '.join(allowed)}")


def _context(path: Path, said: Any) -> ssl.SSLContext:
    _only(path, "tls_server_config: ", said, _TLS)
    if not {"cert_file", "key_file"} <= said.keys():
        raise UsageError(f"{path}: tls_server_config: wants cert_file and key_file")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.minimum_version = _VERSIONS[said.get("min_version", "TLS12")]
        clients = _CLIENTS[said.get("client_auth_type") or "NoClientCert"]
    except (KeyError, TypeError):
        known = ", ".join([*_VERSIONS, *_CLIENTS])
        raise UsageError(f"{path}: tls_server_config: min_version or client_auth_type: known are {known}") from None
    if clients != ssl.CERT_NONE and not said.get("client_ca_file"):
        raise UsageError(f"{path}: tls_server_config: client_auth_type wants client_ca_file")
    folder = path.parent
    try:
        context.load_cert_chain(folder / said["cert_file"], folder / said["key_file"])
        if said.get("client_ca_file"):
            context.load_verify_locations(folder / said["client_ca_file"])
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: tls_server_config: {error}") from None
    context.verify_mode = clients
    return context


class Keeper:
    """Says who is let in. bcrypt is slow on purpose, and a scraper comes every few seconds: a yes is remembered."""

    def __init__(self, users: Mapping[str, bytes]) -> None:
        self._users = users
        self._salt = secrets.token_bytes(16)
        self._known: set[bytes] = set()

    def admits(self, user: str, password: str) -> bool:
        """Whether the password is the user's. A user that there is not takes as long."""
        import bcrypt

        given = self._salt + user.encode() + b"\0" + password.encode()
        mark = hashlib.sha256(given).digest()
        if mark in self._known:
            return True
        hashed = self._users.get(user)
        try:
            right = bcrypt.checkpw(password.encode(), hashed or _NOBODY)
        except ValueError:  # longer than bcrypt takes
            return False
        if right and hashed is not None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known.add(mark)
            return True
        return False
