"""Channels that are URLs: mail and a webhook through apprise, and what is told when they fail."""

import base64
import logging
from collections.abc import Iterator
from io import StringIO

import pytest

from notify.receivers import MailServer, Webhook, serving
from notify.staged import message
from pgheadroom.errors import UsageError
from pgheadroom.model.finding import Severity
from pgheadroom.model.notification import Kind
from pgheadroom.notify.outbox import NotSent
from pgheadroom.notify.services import Service, reason
from pgheadroom.notify.wording import text, title

TOKEN = "s3cr3t-t0ken"
BEGIN, WARNED, END = message(), message(severity=Severity.WARNING), message(Kind.END)


def a_service(scheme: str, port: int, rest: str, deadline: float = 60.0) -> Service:
    return Service("ours", f"{scheme}127.0.0.1:{port}{rest}", deadline)


async def test_a_webhook_gets_what_begins_and_what_ends() -> None:
    with serving(hook := Webhook()) as port:
        service = a_service("json://", port, f"/{TOKEN}")
        service.check()
        for one in (BEGIN, WARNED, END, message(Kind.TEST)):
            await service.send(one)
    assert [one["type"] for one in hook.posted] == ["failure", "warning", "success", "info"]
    told = [(one["title"], one["message"]) for one in hook.posted[:2]]
    assert told == [(title(one), text(one)) for one in (BEGIN, WARNED)]
    assert set(hook.paths) == {f"/{TOKEN}"}


async def test_a_mail_arrives_whole_and_its_login_is_used() -> None:
    login = base64.b64encode(f"\0dba\0{TOKEN}".encode())
    with serving(server := MailServer(login)) as port:
        where = f"@127.0.0.1:{port}?from=pg@example.com&to=oncall@example.com&mode=insecure&format=text"
        await Service("mail", f"mailto://dba:{TOKEN}{where}").send(BEGIN)
        with pytest.raises(NotSent) as refused:
            await Service("mail", f"mailto://dba:wrong-{TOKEN}{where}").send(BEGIN)
    (mail,) = server.mails
    assert (mail["Subject"], "oncall@example.com" in mail["To"]) == (title(BEGIN), True)
    told = mail.get_content().splitlines()
    assert [line.strip() for line in told if line.strip()] == [one.strip() for one in text(BEGIN).splitlines() if one]
    assert str(refused.value) == "the mail server answered 535"


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What reaches a log of the whole program. (pytest's own listens where the program does not.)"""
    kept, root = StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(kept), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield kept
    root.setLevel(level)
    root.removeHandler(handler)


async def test_a_channel_that_is_down_slow_or_refuses_says_so_and_nothing_of_its_url(
    log: StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    hook = Webhook()
    port = hook.server_address[1]
    service = a_service("json://", port, f"/{TOKEN}?+{TOKEN}={TOKEN}")
    said = []

    async def fails(one: Service) -> None:
        with pytest.raises(NotSent) as raised:
            await one.send(BEGIN)
        said.append(str(raised.value))

    with serving(hook):
        hook.status = 503
        await fails(service)
        hook.status = 200
        hook.goes_on.clear()
        late = a_service("json://", port, f"/{TOKEN}", deadline=0.2)
        await fails(late)
        await fails(late)
        hook.goes_on.set()
    await fails(service)
    with serving(back := Webhook(port)):
        await service.send(END)
    assert len(back.posted) == 1
    assert said[:2] == ["it answered 503", "no answer within 0.2 s"]
    assert said[2:] == ["the try before still hangs", "the connection is refused"]
    seen = capfd.readouterr()
    for told in (seen.out, seen.err, log.getvalue(), repr(service), *said):
        assert TOKEN not in told


@pytest.mark.parametrize("url", [f"nothing://{TOKEN}", f"slack://{TOKEN}", TOKEN])
def test_a_url_that_apprise_does_not_know_is_refused_and_not_told(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError) as raised:
        Service("chat", url).check()
    assert str(raised.value) == "channel chat: its URL is none that apprise understands"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (f"Failed to send X to {TOKEN}: Unauthorized, error=401.", "it answered 401"),
        (f"HTTPConnectionPool(host='{TOKEN}'): Read timed out.", "no answer in time"),
        (f"Failed to resolve '{TOKEN}' ([Errno -2] Name or service not known)", "its host is not known"),
        (f"CERTIFICATE_VERIFY_FAILED {TOKEN}", "its certificate is not accepted"),
        (f"[Errno 101] Network is unreachable {TOKEN}", "its host is not reached"),
        (f"('Connection aborted.', {TOKEN})", "the connection was broken off"),
        (TOKEN, "apprise cannot say why"),
        ("", "apprise cannot say why"),
    ],
)
def test_a_reason_is_in_our_own_words(log: str, told: str) -> None:
    assert reason(log) == told
