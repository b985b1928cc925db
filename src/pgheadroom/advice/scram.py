"""SCRAM-SHA-256 verifiers, as PostgreSQL and PgBouncer keep them in place of a password.

Source: src/common/scram-common.c; RFC 5802 and RFC 7677.
"""

import hashlib
import hmac
from base64 import b64encode

_ITERATIONS = 4096
"""As PostgreSQL makes them."""


def verifier(password: str, salt: bytes) -> str:
    """Of an ASCII password, which needs no SASLprep."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _ITERATIONS)
    stored = hashlib.sha256(_key(salted, b"Client Key")).digest()
    keys = f"{_text(stored)}:{_text(_key(salted, b'Server Key'))}"
    return f"SCRAM-SHA-256${_ITERATIONS}:{_text(salt)}${keys}"


def _key(salted: bytes, what: bytes) -> bytes:
    return hmac.digest(salted, what, "sha256")


def _text(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")
