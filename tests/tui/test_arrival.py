"""A picture waits until the terminal has said that it shows the last one, and what it says never reaches the keys."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver

from pgheadroom.tui import textual_private
from pgheadroom.tui.arrival import FIRST, IN_FLIGHT, LOST, QUESTION, RATE, Arrival, Sieve
from pgheadroom.tui.textual_private import SiftedKeys, keys_sifted

LARGE = 4 * IN_FLIGHT
READY = "\x1b[0n"
DELAY = 0.125


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def go_on(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def arrival(clock: Clock) -> Arrival:
    opened = Arrival(clock)
    opened.open()
    return opened


@pytest.fixture
def known(arrival: Arrival) -> Arrival:
    """Of a terminal that has answered once."""
    arrival.question(10)
    arrival.answered()
    return arrival


# --- when the next picture goes --------------------------------------------------------------------------------------


def test_a_picture_waits_for_the_answer_to_the_last_one(known: Arrival, clock: Clock) -> None:
    assert known.wait() == 0
    assert known.question(LARGE) == QUESTION
    clock.go_on(LARGE / RATE + 1)
    assert known.wait() > 0
    assert not known.answered()
    assert known.wait() == 0


def test_small_pictures_do_not_wait_for_each_other_until_they_are_a_large_one(known: Arrival) -> None:
    sent = 0
    while known.wait() == 0:
        known.question(IN_FLIGHT // 4)
        sent += IN_FLIGHT // 4
    assert IN_FLIGHT < sent <= 1.5 * IN_FLIGHT
    known.answered()
    assert known.wait() == 0


def test_who_never_answers_is_asked_no_more_and_gets_so_much_a_second(arrival: Arrival, clock: Clock) -> None:
    assert arrival.question(RATE) == QUESTION
    assert arrival.wait() == pytest.approx(1), "until it is known, it gets no more either"
    clock.go_on(FIRST + 0.1)
    assert arrival.wait() == 0
    assert arrival.question(RATE) == ""
    assert arrival.wait() == pytest.approx(1)
    clock.go_on(1.1)
    assert not arrival.answered()
    assert arrival.wait() == 0
    assert arrival.question(LARGE) == QUESTION, "it answers after all: its line is long"


def test_an_answer_that_never_comes_is_not_waited_for_for_ever(known: Arrival, clock: Clock) -> None:
    known.question(LARGE)
    assert known.wait() == pytest.approx(LOST)
    clock.go_on(LOST + 0.1)
    assert known.wait() == 0
    assert known.question(LARGE) == QUESTION
    assert known.answered(), "what it shows is not sure"
    assert not known.answered()
    assert known.wait() == 0


def test_more_answers_than_questions_are_no_credit(known: Arrival) -> None:
    for _ in range(5):
        known.answered()
    known.question(LARGE)
    assert known.wait() > 0


def test_another_terminal_is_asked_anew(arrival: Arrival, clock: Clock) -> None:
    arrival.question(LARGE)
    clock.go_on(FIRST + 0.1)
    arrival.wait()
    assert arrival.question(1) == ""
    arrival.anew()
    assert arrival.question(1) == QUESTION


def test_nobody_is_asked_where_the_answer_would_reach_the_keys(clock: Clock) -> None:
    unheard = Arrival(clock)
    unheard.anew()
    assert unheard.question(RATE) == ""
    assert not unheard.answered()
    assert unheard.question(RATE) == ""
    assert unheard.wait() == pytest.approx(2)


def test_the_end_waits_for_the_last_answer(known: Arrival) -> None:
    known.question(LARGE)
    threading.Timer(0.05, known.answered).start()
    known.settle(60)
    assert known.question(1) == "", "and nothing is asked any more"


def test_the_end_does_not_wait_for_who_never_answers(arrival: Arrival, clock: Clock) -> None:
    arrival.question(LARGE)
    clock.go_on(FIRST + 0.1)
    arrival.settle(60)


# --- what reaches the keys -------------------------------------------------------------------------------------------


class Keys:
    """Textual's keys behind a sieve."""

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("textual._parser.get_time", clock)
        self.answers = 0
        self._reader = SiftedKeys(XTermParser(), Sieve(self._count, DELAY, clock))

    def _count(self) -> None:
        self.answers += 1

    def typed(self, *texts: str) -> list[str]:
        return [told(event) for text in texts for event in self._reader.feed(text)]

    def after_a_while(self) -> list[str]:
        return [told(event) for event in self._reader.tick()]


def told(event: object) -> str:
    if isinstance(event, events.Paste):
        return f"pasted {event.text}"
    return event.key if isinstance(event, events.Key) else type(event).__name__


@pytest.fixture
def keys(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Keys:
    return Keys(clock, monkeypatch)


def test_an_answer_is_no_key(keys: Keys) -> None:
    assert keys.typed(READY, f"a{READY}b{READY}{READY}", "\x1b[A") == ["a", "b", "up"]
    assert keys.answers == 4


def test_an_answer_within_a_paste_is_not_pasted(keys: Keys) -> None:
    assert keys.typed("\x1b[200~one ", READY, f"and{READY} two\x1b[", "201~x") == ["pasted one and two", "x"]
    assert keys.answers == 2


@pytest.mark.parametrize("cut", range(1, len(READY)))
def test_an_answer_in_two_pieces_is_no_key(keys: Keys, clock: Clock, cut: int) -> None:
    assert keys.typed("a" + READY[:cut]) == ["a"]
    clock.go_on(0.9 * DELAY)
    assert keys.after_a_while() == []
    assert keys.typed(READY[cut:] + "b") == ["b"]
    assert keys.answers == 1


@pytest.mark.parametrize("cut", range(1, len(READY)))
def test_the_end_of_an_answer_is_no_key_when_its_beginning_was_taken_for_one(
    keys: Keys, clock: Clock, cut: int
) -> None:
    keys.typed(READY[:cut])
    clock.go_on(11 * DELAY)
    assert keys.after_a_while() != []
    for piece in READY[cut:]:
        assert keys.typed(piece) == []
    assert keys.answers == 1
    assert keys.typed("[", f"0{READY}n", "\x1b[A") == ["left_square_bracket", "0", "n", "up"]


def test_keys_behind_an_escape_are_no_end_of_an_answer(keys: Keys, clock: Clock) -> None:
    keys.typed("\x1b")
    clock.go_on(DELAY)
    assert keys.after_a_while() == ["escape"]
    assert keys.typed("[") == []
    clock.go_on(DELAY)
    assert keys.after_a_while() == ["left_square_bracket"]
    assert keys.typed("x", "0", "n", READY) == ["x", "0", "n"]
    assert keys.answers == 1


def test_an_answer_that_is_read_late_is_no_key_at_all(keys: Keys, clock: Clock) -> None:
    keys.typed(READY[:1])
    clock.go_on(1.5 * DELAY)
    assert keys.typed(READY[1:] + "x") == ["x"]


def test_escape_is_a_key_as_soon_as_before(keys: Keys, clock: Clock) -> None:
    assert keys.typed("\x1b") == []
    clock.go_on(DELAY)
    assert keys.after_a_while() == ["escape"]
    assert keys.typed("3") == ["3"]


def test_a_key_behind_an_escape_is_its_own_when_nobody_had_time_to_look(keys: Keys, clock: Clock) -> None:
    assert keys.typed("\x1b") == []
    clock.go_on(1.5 * DELAY)
    assert keys.typed("3") == ["escape", "3"]


@given(data=st.data())
def test_answers_anywhere_change_no_key(data: st.DataObject) -> None:
    typed = data.draw(st.lists(st.sampled_from(["a", "é", "\x1b[A", "\x1b[3~", "\x1b[<0;3;4M", "\r"]), max_size=6))
    pieces = data.draw(st.permutations([*typed, READY, READY])) if data.draw(st.booleans()) else [READY, *typed, READY]
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    answers: list[None] = []
    sieve = Sieve(lambda: answers.append(None), DELAY, Clock())
    assert "".join(map(sieve.take, parts)) == "".join(piece for piece in pieces if piece != READY)
    assert len(answers) == 2


# --- in Textual's thread ---------------------------------------------------------------------------------------------


@pytest.fixture
def reader() -> Iterator[list[str]]:
    """What is told while Textual's reader of keys is made."""
    told: list[str] = []
    before = linux_driver.__dict__["XTermParser"]
    yield told
    assert linux_driver.__dict__["XTermParser"] is before


def test_textuals_reader_is_sifted_as_long_as_it_runs(reader: list[str]) -> None:
    sieve = Sieve(lambda: reader.append("answer"), DELAY)
    with keys_sifted(sieve, lambda: reader.append("begun")):
        made = linux_driver.__dict__["XTermParser"](False)
        assert reader == ["begun"]
        assert [told(event) for event in made.feed(f"x{READY}")] == ["x"]
    assert reader == ["begun", "answer"]


def test_a_textual_that_reads_keys_in_another_way_is_not_asked(
    reader: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(textual_private, "linux_driver", SimpleNamespace())
    with keys_sifted(Sieve(lambda: None, DELAY), lambda: reader.append("begun")):
        linux_driver.__dict__["XTermParser"](False)
    assert reader == []


def test_an_application_without_our_driver_asks_nothing() -> None:
    app = SimpleNamespace(_driver=None)
    assert textual_private.wait_for_line(app) == 0  # type: ignore[arg-type]
    assert textual_private.question(app, 1) == ""  # type: ignore[arg-type]
    textual_private.ask_anew(app)  # type: ignore[arg-type]
