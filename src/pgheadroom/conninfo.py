"""What can be said of a connection string without libpq. Everything else about it is libpq's business."""

import re

_URI = re.compile(r"^postgres(?:ql)?://", re.IGNORECASE)
# Parameters whose value is a secret; libpq 18 has the last three.
SECRET_PARAMETERS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
_SECRET = "|".join(SECRET_PARAMETERS)
_PASSWORD_WORD = re.compile(
    rf"(?P<before>(?:^|[\s'\";])(?:{_SECRET})\s*=\s*)(?P<secret>'(?:[^'\\]|\\.)*'?|(?:[^\s\\]|\\.)+)",
    re.IGNORECASE | re.DOTALL,
)
_PASSWORD_IN_QUERY = re.compile(rf"(?P<before>[?&](?:{_SECRET})=)(?P<secret>[^\s&]*)", re.IGNORECASE)
# The user part of a URI ends at the first colon, the password at the last "@", because people forget to write an "@" or
# a "/" of a password as %40 and %2F, and what they forgot is secret all the same.
_PASSWORD_IN_URI = re.compile(r"(?P<before>postgres(?:ql)?://[^:@/?\s]*:)(?P<secret>\S*)(?=@)", re.IGNORECASE)
HIDDEN = "***"


def at_port(host: str, port: int | str) -> str:
    """`host:port`; an IPv6 address in brackets, as in a URI: its own colons end where the port begins."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_conninfo(text: str) -> bool:
    """Whether libpq takes `text` for a conninfo or URI, not for a database's name.

    The rule is libpq's `recognized_connection_string`: a URI scheme, or an equals sign.
    """
    return bool(_URI.match(text)) or "=" in text


def holds_password(text: str) -> bool:
    """Whether a conninfo or URI, or a sentence that quotes one, carries a password."""
    return without_passwords(text) != text


def without_passwords(text: str) -> str:
    """`text` with the password of every conninfo and URI in it replaced by `***`."""
    for pattern in (_PASSWORD_IN_URI, _PASSWORD_IN_QUERY, _PASSWORD_WORD):
        text = pattern.sub(lambda match: match["before"] + HIDDEN if match["secret"] else match[0], text)
    return text
