"""What a server says in every language of its catalogues is read, by its words alone, also where ASCII lacks them."""

import pytest

from pgheadroom.model.refusal import RefusedBy
from pgheadroom.model.turned_away import Reason, Who
from pgheadroom.postgres import translated
from pgheadroom.postgres.server_log import respelled, translated_logins
from pgheadroom.postgres.server_log.format import Format
from pgheadroom.postgres.server_log.meaning import turned_away
from pgheadroom.postgres.server_log.records import Reader, Record
from pgheadroom.postgres.server_log.severities import ENDING, FATAL, LOST, SURE


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


SHORT = {"客户端连接过多", "抱歉，客戶端過多"}
"""Nothing but a few question marks is left of them: only with a SQLSTATE they are what they are."""


def told(text: str, severity: str, sqlstate: str = "") -> Reason | None:
    who = turned_away(Record("", "", "", "", severity, sqlstate, text.replace("{name}", "wéb")))
    return who.reason if who is not None else None


def test_each_text_means_one_thing_as_it_is_and_as_it_is_respelled() -> None:
    for text, reason in respelled.texts():
        assert told(text, "FATAL") is reason, text
        for spelling in respelled.spellings(text):
            assert spelling.isascii()
            with_any_word = {told(spelling, severity) for severity in ("FATAL", *LOST.values())} - {None}
            assert with_any_word == (set() if text in SHORT else {reason}), spelling
            if reason.no_room:
                assert told(spelling, "????", "53300") is reason
            assert told("x" + spelling, "FATAL") in (None, reason)


def test_question_marks_are_fatal_only_before_a_text_of_their_own_language() -> None:
    korean = "?? ?? ??? ?? ??????"
    assert said(korean, LOST["HANGUL"]) == Who(Reason.SERVER)
    for severity in {*ENDING} - {*SURE, LOST["HANGUL"]}:
        assert said(korean, severity) is None
        assert said("sorry, too many clients already", severity) is None
