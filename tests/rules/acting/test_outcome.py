from pgheadroom.model.action import Outcome, Result, Target, Verb
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.acting.outcome import Action, sentence
from pgheadroom.rules.acting.plan import plan
from pgheadroom.rules.facts.case import Case
from samples import session, snapshot
from sure import sure


def test_what_was_gone_is_said_once() -> None:
    one = session(7)
    seen = snapshot([one])
    planned = plan(Case(seen, Thresholds()), Verb.TERMINATE, [one])
    target = Target(7, sure(one.backend_start))
    action = Action(planned, seen, (Result(target, Outcome.GONE_BEFORE, "it was gone before"),))
    assert sentence(action, None) == "terminate: 1 gone before"
