"""Ready forms: the groups that are ended or cancelled most often."""

from dataclasses import dataclass

from pgheadroom.model.action import Verb


@dataclass(frozen=True, slots=True)
class ReadyForm:
    """A signal to a group, ready but for a value.

    Attributes:
        needs: The column of which a value must be given; empty when the filter is complete.
    """

    title: str
    verb: Verb
    filter: str
    needs: str = ""


READY_FORMS: tuple[ReadyForm, ...] = (
    ReadyForm("Idle longer than 10 min", Verb.TERMINATE, "state:idle age>10m"),
    ReadyForm("Idle in transaction longer than 5 min", Verb.TERMINATE, "state:idletx,aborted age>5m"),
    ReadyForm("Queries longer than 1 h", Verb.CANCEL, "running>1h"),
    ReadyForm("Everything of one application", Verb.TERMINATE, "", needs="app"),
    ReadyForm("Everything from one address", Verb.TERMINATE, "", needs="client"),
)
