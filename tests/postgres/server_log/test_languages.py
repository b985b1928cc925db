"""What a server says in every language of its catalogues is read, by its words alone."""

import pytest

from pgheadroom.model.refusal import RefusedBy
from pgheadroom.model.turned_away import Reason, Who
from pgheadroom.postgres import translated
from pgheadroom.postgres.server_log import translated_logins
from pgheadroom.postgres.server_log.format import Format
from pgheadroom.postgres.server_log.meaning import turned_away
from pgheadroom.postgres.server_log.needles import FATAL
from pgheadroom.postgres.server_log.records import Reader


def said(text: str, severity: str = "FATAL") -> Who | None:
    line = f"2026-11-28 19:00:17.123 CET [7] {severity}:  {text.replace('{name}', 'wéb')}\n"
    return next((turned_away(record) for record in Reader(Format.TEXT, "%m [%p] ").feed(line.encode())), None)


@pytest.mark.parametrize("limit", [RefusedBy.SERVER, RefusedBy.SUPERUSER_RESERVE, RefusedBy.ROLE, RefusedBy.DATABASE])
def test_every_way_to_say_that_there_is_no_room(limit: RefusedBy) -> None:
    for text in translated.texts_of(limit):
        who = said(text)
        assert who is not None, text
        assert who.reason is Reason.of(limit), text
        assert {who.role, who.database} == ({"wéb", ""} if "{name}" in text else {""}), text


def test_every_way_to_say_that_a_login_is_not_wanted() -> None:
    for text in translated_logins.texts():
        who = said(text)
        assert who is not None, text
        assert not who.reason.no_room, text


@pytest.mark.parametrize("severity", FATAL)
def test_every_word_for_fatal_and_no_other(severity: str) -> None:
    assert said("sorry, too many clients already", severity) == Who(Reason.SERVER)
    assert said("sorry, too many clients already", severity + "x") is None
