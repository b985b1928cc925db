"""How often a part may be asked."""

from pgheadroom.model.budget import Budget, Spared
from samples import snapshot


def test_what_costs_little_is_asked_each_time() -> None:
    budget = Budget(share=0.02)
    assert budget.is_due(0.0)
    for now in range(5):
        budget.asked(now, 0.010)
        assert budget.is_due(now + 1.0)


def test_what_is_over_its_share_is_asked_so_much_less_often() -> None:
    budget = Budget(share=0.02)
    for now in (0.0, 1.0):
        budget.asked(now, 0.100)
    assert budget.every == 5.0
    assert not budget.is_due(5.9)
    assert budget.is_due(6.0)
    budget.hurry()
    assert budget.is_due(1.5)


def test_one_slow_answer_is_the_weather_and_one_unknown_changes_nothing() -> None:
    budget = Budget(share=0.02)
    for cost in (0.001, 2.0):
        budget.asked(0.0, cost)
    assert budget.is_due(1.0)
    budget.asked(1.0, None)
    assert budget.cost == 0.001


def test_ages_are_told_from_half_a_second_on() -> None:
    sample = snapshot(spared=(Spared("locks", 0.06, 3.0, 2.2), Spared("authenticating", 0.05, 2.5, 0.2)))
    assert (sample.age_of("locks"), sample.age_of("authenticating"), sample.age_of("roles")) == (2.2, 0.0, 0.0)
