"""The only module that knows apprise: a channel that is a URL, for mail, chats, pagers and webhooks.

The URL is a secret as a whole, and apprise's own log has pieces of it. So nothing of that log is shown: it is searched
for what we know to be harmless, and that is told in our words.
"""

import asyncio
import contextvars
import importlib.util
import logging
import re
from typing import Any

from pgheadroom.deadline import apart
from pgheadroom.errors import UsageError
from pgheadroom.model.finding import Severity
from pgheadroom.model.notification import Kind, Message
from pgheadroom.notify.outbox import NotSent
from pgheadroom.notify.wording import text, title

DEADLINE = 30.0
"""Seconds for a message; a service that takes longer is tried again."""
_ANSWER = re.compile(r"\berror=(\d{3})\b")
_SMTP = re.compile(r"\((\d{3}), b['\"]")
_REASONS = (
    ("refused", "the connection is refused"),
    ("name or service not known|failed to resolve|name resolution|no address associated", "its host is not known"),
    ("certificate", "its certificate is not accepted"),
    ("timed out|timeout", "no answer in time"),
    ("unreachable|no route to host", "its host is not reached"),
    ("reset by peer|connection aborted|disconnected", "the connection was broken off"),
    ("authentication|unauthorized", "the login is not accepted"),
)
_heard: contextvars.ContextVar[list[str]] = contextvars.ContextVar("heard")


def need_extra() -> None:
    """Raises:
    UsageError: apprise is not installed.
    """
    if importlib.util.find_spec("apprise") is None:
        raise UsageError("channels with a URL are sent through apprise: pip install 'pgheadroom[notify]'")


class Service:
    """Sends through apprise, in a thread that nobody waits for.

    Attributes:
        name: Of the channel.
    """

    def __init__(self, name: str, url: str, deadline: float = DEADLINE) -> None:
        self.name = name
        self._url = url
        self._deadline = deadline
        self._under_way: asyncio.Future[str] | None = None

    def check(self) -> None:
        """Raises:
        UsageError: apprise makes nothing of the URL.
        """
        if not _listened().Apprise().add(self._url):
            raise UsageError(f"channel {self.name}: its URL is none that apprise understands")

    async def send(self, message: Message) -> None:
        """As `Way.send`."""
        if self._under_way is not None and not self._under_way.done():
            raise NotSent("the try before still hangs")
        told = title(message), text(message)
        kind = _kind(message)
        self._under_way = apart(lambda: _sent(self._url, *told, kind), lambda _: None)
        await asyncio.wait({self._under_way}, timeout=self._deadline)
        if not self._under_way.done():
            raise NotSent(f"no answer within {self._deadline:g} s")
        if reason := self._under_way.result():
            raise NotSent(reason)


def _kind(message: Message) -> str:
    if message.kind is Kind.TEST:
        return "INFO"
    if message.kind is Kind.END:
        return "SUCCESS"
    return "FAILURE" if message.severity is Severity.CRITICAL else "WARNING"


def _sent(url: str, title: str, body: str, kind: str) -> str:
    """Empty, or why it was not."""
    apprise = _listened()
    heard: list[str] = []
    _heard.set(heard)
    try:
        service = apprise.Apprise()
        if service.add(url) and service.notify(
            body, title, notify_type=getattr(apprise.NotifyType, kind), body_format=apprise.NotifyFormat.TEXT
        ):
            return ""
    except Exception as error:  # of whichever service: its text may have the URL
        return f"apprise fails with {type(error).__name__}"
    return reason("\n".join(heard))


def reason(log: str) -> str:
    """Why a message was not sent, in words that no secret gets into."""
    if answer := _ANSWER.search(log):
        return f"it answered {answer[1]}"
    if answer := _SMTP.search(log):
        return f"the mail server answered {answer[1]}"
    known = (words for pattern, words in _REASONS if re.search(pattern, log, re.IGNORECASE))
    return next(known, "apprise cannot say why")


def _listened() -> Any:
    """apprise, with a log that goes nowhere but to us."""
    logger = logging.getLogger("apprise")
    if not any(isinstance(one, _Ear) for one in logger.handlers):
        logger.handlers[:] = [_Ear()]
        logger.propagate = False
        logger.setLevel(logging.DEBUG)
        for library in ("urllib3", "requests"):
            logging.getLogger(library).propagate = False
    import apprise  # with its log in place already

    return apprise


class _Ear(logging.Handler):
    """Keeps what is said of the message that is being sent."""

    def emit(self, record: logging.LogRecord) -> None:
        heard = _heard.get(None)
        if heard is not None and len(heard) < 100:
            heard.append(record.getMessage())
