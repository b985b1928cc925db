"""Python's TLS, loaded when something of it is used: with it come the system's libssl and libcrypto, 4 MB and 15 ms.

The servers are talked to by libpq, which brings its own. Yet asyncio loads ssl where it can, and works without as in a
Python that was built without: it can do no TLS then, and nothing of ours asks it to, see `postgres.encrypted`. psycopg
loads it for what OpenSSL needed before 1.1, which no Python that we run on is built with.
"""

import importlib
import sys

from pgheadroom.loaded_later import put_off

_NAME = "ssl"


def put_off_tls() -> None:
    """Load asyncio without it, unless either is loaded. No other thread may load modules meanwhile."""
    if "asyncio" in sys.modules or _NAME in sys.modules:
        return
    sys.modules[_NAME] = None  # type: ignore[assignment] # to import it is an ImportError
    try:
        importlib.import_module("asyncio")
    finally:
        del sys.modules[_NAME]
        put_off(_NAME)
