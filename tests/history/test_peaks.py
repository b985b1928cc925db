"""The most sessions of each role and database, as far back as is remembered."""

from pgheadroom.history.peaks import Peaks, highest
from pgheadroom.history.ring import BLOCK
from samples import many


def test_a_peak_stays_until_its_stretch_gives_way_and_who_reads_keeps_what_there_was() -> None:
    peaks = Peaks(room=2 * BLOCK)
    peaks.take(many(9))
    before = peaks.stretches()
    for _ in range(2 * BLOCK):
        peaks.take([*many(2), *many(3, first_pid=4000, user="", database="")])
    assert highest(before) == {("role", "web"): 9, ("database", "shop"): 9}
    assert highest(peaks.stretches()) == highest(before)
    for _ in range(BLOCK):
        peaks.take(many(2))
    assert highest(peaks.stretches()) == {("role", "web"): 2, ("database", "shop"): 2}
    peaks.clear()
    assert highest(peaks.stretches()) == {}
