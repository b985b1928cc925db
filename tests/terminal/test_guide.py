"""The guide of the demo, followed to the letter: what the panel says is pressed, and the panel goes on."""

import re
import time
from collections.abc import Callable

import pytest

from pgheadroom.demo.guides import GUIDES
from pgheadroom.lesson.progress import Act, Step
from servers import PATIENCE
from terminal.emulator import KEYS, Terminal

OPENS = {
    "t": "FINDINGS",
    "1": "HOGS",
    "2": "SESSIONS",
    "3": "LOCK WAITS",
    "K": "No, leave it",
    "H": "Esc leaves it",
    "a": "Undo  L",
}
"""What a key brings: the next one is pressed when it can be seen, as people do."""


class Pupil:
    """Reads the panel, and does what it says."""

    def __init__(self, terminal: Terminal, scenario: str) -> None:
        self.terminal = terminal
        self.steps = GUIDES[scenario].steps
        self.done: list[str] = []
        self.keys = 0

    @property
    def panel(self) -> str:
        """What it says, on one line: the column at the right, or the last lines."""
        lines = self.terminal.lines
        first = next(row for row, line in enumerate(lines) if "─ GUIDE" in line)
        left = lines[first].index("─ GUIDE")
        return " ".join(line[left:].strip() for line in lines[first:])

    @property
    def step(self) -> Step | None:
        heading = re.search(rf"({'|'.join(Act).upper()}): (\S.*)", self.terminal.screen())
        return next((one for one in self.steps if heading and heading[2].startswith(one.title)), None)

    def follow(self) -> None:
        """All steps, one after the other, up to the congratulation."""
        while "Well done" not in self.terminal.screen():
            step = self.step
            assert step is not None, self.terminal.screen()
            assert step.title not in self.done, f"back at {step.title}:\n{self.terminal.screen()}"
            self.obey(step)
            self.done.append(step.title)

    def obey(self, step: Step) -> None:
        for said in re.findall("`([^`]+)`", step.text):
            if f"`{said}` until" in step.text:
                self.press_until(said, step)
            else:
                if said == "Enter" and "Type the number" in step.text:
                    self.type_the_number()
                self.press(said)
            if said in OPENS:
                self.terminal.wait_for(OPENS[said]).pump(0.6)
        self.terminal.wait_until(
            lambda: "Well done" in self.terminal.screen() or self.step not in {None, step},
            f"the guide goes on from {step.title!r}",
        )

    def press(self, said: str) -> None:
        self.terminal.press(said).pump(0.6)
        self.keys += 1 if said in KEYS else len(said)

    def press_until(self, key: str, step: Step) -> None:
        deadline = time.monotonic() + PATIENCE
        while "▸ SERVERS" not in self.terminal.screen() and self.step is step:
            self.press(key)
            assert time.monotonic() < deadline, self.terminal.screen()

    def type_the_number(self) -> None:
        """The number stands still only from the first digit on: if it was another one then, once more."""
        for _ in range(10):
            first = self.number()[0]
            self.press(first)
            if self.number()[0] == first:
                self.press(self.number()[1:])
                return
            self.press("Backspace")
        pytest.fail(f"the number never stood still:\n{self.terminal.screen()}")

    def number(self) -> str:
        self.terminal.wait_for_match(r"Type \d+ and Enter")
        (number,) = re.findall(r"Type (\d+) and Enter", self.terminal.screen())
        return str(number)


@pytest.mark.parametrize(
    ("scenario", "columns", "lines"),
    [("idle-leak", 120, 40), ("lock-pileup", 200, 60), ("role-limit", 80, 24)],
)
def test_who_does_what_the_guide_says_is_led_to_the_end(
    scenario: str, columns: int, lines: int, start: Callable[..., Terminal]
) -> None:
    terminal = start("demo", "--guide", "--scenario", scenario, columns=columns, lines=lines)
    terminal.wait_for("NOTICE: ")
    pupil = Pupil(terminal, scenario)
    pupil.follow()
    assert pupil.done == [step.title for step in pupil.steps]
    terminal.press("q")
    assert terminal.wait(30) == 0
