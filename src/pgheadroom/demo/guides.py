"""The lessons of the demo, one a scenario: noticing, understanding, acting, checking. For `pgheadroom demo --guide`."""

from dataclasses import replace

from pgheadroom.demo.guide_conditions import (
    Who,
    active,
    both,
    calm,
    cured,
    idle_in_transaction,
    limited_anew,
    lists_only,
    looks_at,
    narrowed,
    no_trouble_that_presses,
    not_on,
    nothing_done,
    of_application,
    of_role,
    on,
    previews,
    settled_actions,
    signalled,
    trouble,
)
from pgheadroom.lesson.progress import Act, Condition, Guide, Step
from pgheadroom.model.action import Verb

_FULL = (
    "The gauge at the top: {used} of {usable} slots are taken. The line under it names the most urgent trouble. "
    "Press `t`: Triage tells what is behind it."
)
_ROOM = (
    "The gauge at the top is calm: {used} of {usable} slots. Yet the line under it says that somebody gets no "
    "connection. Press `t`: Triage tells what is behind it."
)


def _notice(text: str = _FULL) -> Step:
    return Step(Act.NOTICE, "Something is wrong", text, both(on("triage"), trouble))


def _understand(title: str, text: str, done: Condition) -> Step:
    return Step(Act.UNDERSTAND, title, text, done)


def _preview(who: Who, more: str = "") -> Step:
    text = "Press `t`, then `Enter` on the first finding. The preview lists who it would be and what it brings. "
    return Step(Act.ACT, "See who it would be", f"{text}Nothing is done yet.{more}", previews(who), holds=True)


def _type_the_number(verb: Verb, who: Who, text: str) -> Step:
    asked = "Type the number that the last lines ask for, then `Enter`."
    return Step(Act.ACT, "Do it", f"{asked} {text}", signalled(verb, who))


def _check(text: str) -> Step:
    return Step(Act.CHECK, "Did it help?", text, both(settled_actions, cured), in_turn=True)


CALM = Guide(
    "calm",
    frozenset(),
    (
        Step(
            Act.NOTICE,
            "What calm looks like",
            "The gauge at the top: {used} of {usable} slots are taken, and the line under it says that nothing is "
            "wrong. Press `t`: on a bad day Triage tells what is, and what helps.",
            on("triage"),
        ),
        _understand(
            "Who holds the slots",
            "Press `1` for Overview. HOGS lists who holds the slots, the greediest first. Move one down with `j` and "
            "press `Enter`: Sessions, narrowed to that one.",
            narrowed,
        ),
        _understand(
            "How it came to be",
            "Press `5`: Trends draws how many slots were taken, under the line of those there are. A slope towards "
            "that line is the warning to know.",
            on("trends"),
        ),
        Step(
            Act.ACT,
            "Rehearse without harm",
            "Press `2`, then `B`: the preview for ending many sessions by filter. `/` writes the filter, and the list "
            "shows who it would be. Nothing is done before a number is typed.",
            on("bulk"),
        ),
        Step(
            Act.ACT,
            "Leave it",
            "Press `Esc` until the preview is gone: everything stays as it is. Capital letters act, and always ask "
            "first.",
            both(not_on("bulk"), nothing_done),
            in_turn=True,
        ),
        Step(
            Act.CHECK,
            "Still calm?",
            "Press `t` once more: nothing is found, and nobody was hurt.",
            both(on("triage"), calm),
            in_turn=True,
        ),
    ),
    "Well done: {used} of {usable} slots are taken, {slots}. Keep it so: one pool for each application, and limits for "
    "each role. Next: `q`, then make demo GUIDE=1 SCENARIO=idle-leak",
)

_LEAKED = of_application("billing-api")

IDLE_LEAK = Guide(
    "idle-leak",
    frozenset({"leak", "server-slots"}),
    (
        _notice(),
        _understand(
            "Who holds the slots",
            "Press `1` for Overview. HOGS lists who holds the slots, the greediest first: billing-api. Press `Enter` "
            "on it: Sessions, narrowed to it.",
            lists_only(_LEAKED),
        ),
        _understand(
            "What they do",
            "Nothing: all are idle, and the ages only grow. They were borrowed and never given back. Press `Enter` on "
            "one to see its last query.",
            looks_at(_LEAKED),
        ),
        Step(
            Act.ACT,
            "Hold it back",
            "Who is ended comes back, so a limit comes first. Press `t`, then `H`, then `a`: the limit, and the end of "
            "who is idle above it. Nothing is done yet.",
            on("confirm"),
            holds=True,
        ),
        _type_the_number(Verb.TERMINATE, _LEAKED, "What the role had before is in the audit file: L gives it back."),
        _check(
            "The line above the keys counts who is freed, and whether the slots were taken again. In a few seconds the "
            "gauge has fallen and the finding goes; the line HELD stays."
        ),
    ),
    "Well done: {slots}, from {was} to {used} of {usable} taken, and the leak gets no more. For good: let it give its "
    "connections back; then L lets the role go. Next: `q`, then make demo GUIDE=1 SCENARIO=idle-in-transaction",
)

_PAYMENTS = of_application("payment", "invoicing")

IDLE_IN_TRANSACTION = Guide(
    "idle-in-transaction",
    frozenset({"idle-in-transaction"}),
    (
        _notice(),
        _understand(
            "Who forgot to COMMIT",
            "Press `2` for Sessions, then `/` and type `state:idletx` and `Enter`. These began a transaction, and now "
            "do nothing.",
            lists_only(idle_in_transaction),
        ),
        _understand(
            "What they keep",
            "Press `Enter` on one. It keeps its locks, its slot, and the dead rows that vacuum may not clean up, for "
            "as long as it stays so.",
            looks_at(idle_in_transaction),
        ),
        _preview(_PAYMENTS, " Their open work rolls back."),
        _type_the_number(Verb.TERMINATE, _PAYMENTS, "What they had not committed is undone, as if it never was."),
        _check(
            "The line above the keys counts who is freed, and whether the slots were taken again. In a few seconds the "
            "finding goes. If it stays, do the same again."
        ),
    ),
    "Well done: {slots}. The application will forget again, so for good: {cure}. "
    "Next: `q`, then make demo GUIDE=1 SCENARIO=lock-pileup",
)

_HOLDER = of_application("psql")

LOCK_PILEUP = Guide(
    "lock-pileup",
    frozenset({"lock-pile-up"}),
    (
        _notice(),
        _understand(
            "Who waits for whom",
            "Press `3`: LOCK WAITS is a tree. Who holds the lock stands at the top, who waits for it below. Only the "
            "top is worth ending.",
            both(on("locks"), trouble),
        ),
        _understand(
            "Who is at the top",
            "Press `Enter` on the first row. Somebody's migration: its ALTER TABLE is done, the COMMIT never came, and "
            "every query on the table queues behind it.",
            looks_at(_HOLDER),
        ),
        Step(
            Act.ACT,
            "End the holder",
            "Press `K` on it. The question stands on No: read who it is, what rolls back, and how many go on. Then "
            "`y`. Ending those who wait would not help.",
            signalled(Verb.TERMINATE, _HOLDER),
        ),
        _check(
            "Press `1`. The line above the keys says that it is freed. LOCK WAITS is empty, and in a few seconds the "
            "finding goes. Those who waited work again."
        ),
    ),
    "Well done: {slots}, and {waiters} sessions that waited go on. For good: {cure}. "
    "Next: `q`, then make demo GUIDE=1 SCENARIO=busy",
)

BUSY = Guide(
    "busy",
    frozenset({"all-active"}),
    (
        _notice(),
        _understand(
            "Nobody is idle",
            "Press `2` for Sessions, then `i` to hide who is idle. Hardly anybody is: it is no leak, there is more "
            "work than the server can do at once.",
            lists_only(active),
        ),
        _understand(
            "What runs longest",
            "The longest stand at the top. Press `Enter` on one and read its query: could it run at night, or be "
            "cheaper?",
            looks_at(active),
        ),
        _preview(active, " A cancel stops the query and keeps the session."),
        _type_the_number(Verb.CANCEL, lambda one: True, "Who runs another query by then is left alone."),
        _check(
            "The line above the keys tells how many were stopped. Watch the active ones on Overview, `1`: when they "
            "fall, the finding goes. If work comes back as fast, cancel again, or think of the lasting remedy."
        ),
    ),
    "Well done: {slots}, from {was} to {used} of {usable} taken. It lasts only as long as nobody asks for more. For "
    "good: {cure}. Next: `q`, then make demo GUIDE=1 SCENARIO=pool-saturated",
)

_POOL = of_role("web")

POOL_SATURATED = Guide(
    "pool-saturated",
    frozenset({"pool-waiting"}),
    (
        _notice(_ROOM),
        _understand(
            "Where they queue",
            "Press `4` for PgBouncer. The pool shop/web has six connections to the server, all in use; its clients "
            "wait for one of them, not for the server.",
            both(on("pgbouncer"), trouble),
        ),
        _understand(
            "Who keeps the pool",
            "Press `Tab` until SERVERS has the cursor: the pool's connections. Press `Enter` on one: its client "
            "is in a transaction, and does nothing in it.",
            looks_at(_POOL),
        ),
        _preview(_POOL, " A pool's own connections are spared unless they are meant, as here."),
        _type_the_number(
            Verb.TERMINATE, _POOL, "PgBouncer opens new ones for those who wait; the stuck payments see an error."
        ),
        _check(
            "Press `1`. The line above the keys tells what is freed; the clients that wait fall to 0, and in a few "
            "seconds the finding goes. If the pool is stuck again, do it once more."
        ),
    ),
    "Well done: the pool serves again, {clients} clients need not wait, {slots}. For good: {cure}. "
    "Next: `q`, then make demo GUIDE=1 SCENARIO=role-limit",
)

_REPORTS = of_role("reports")


def _limit(role: str, text: str) -> Step:
    return Step(Act.ACT, "Change the limit", text, limited_anew(role))


def _limit_check(text: str) -> Step:
    return Step(Act.CHECK, "Did it help?", text, both(on("overview"), no_trouble_that_presses), in_turn=True)


ROLE_LIMIT = Guide(
    "role-limit",
    frozenset({"role-limit"}),
    (
        _notice(_ROOM),
        _understand(
            "Who is refused",
            "Press `2` for Sessions, then `/` and type `user:reports` and `Enter`. The role has as many sessions as "
            "its CONNECTION LIMIT lets in; the next one is refused. The gauge says how many a second are, and the pane "
            "REFUSED of screen 1 who they are, and from where.",
            lists_only(_REPORTS),
        ),
        _understand(
            "Are they needed?",
            "Press `Enter` on one. They work: ending them would free a place only until the next client takes it. "
            "The limit is too low.",
            looks_at(_REPORTS),
        ),
        _limit(
            "reports",
            "The server has room, so raise the limit. In Triage, `t`, press `H`, then `a` for the limit that it has. "
            "Read the question; `y` says yes.",
        ),
        _limit_check(
            "Limits are read every 5 seconds. Press `1` and wait until the line under the gauge is calm. If it stays, "
            "the limit is still too low: H raises it again, and L gives back what was before."
        ),
    ),
    "Well done: nobody is refused any more, {slots}, and {used} of {usable} are taken. For good: choose limits that "
    "leave room to grow and together spare the reserve. Next: `q`, then make demo GUIDE=1 SCENARIO=storm",
)

_FUNCTIONS = of_role("lambda")

STORM = Guide(
    "storm",
    frozenset({"reconnect-storm"}),
    (
        _notice(),
        _understand(
            "Who comes and goes",
            "Press `Enter` on the first finding: Sessions, narrowed to those who connect. Look at their ages: none "
            "lives longer than a second or two, and others take its place.",
            lists_only(_FUNCTIONS),
        ),
        _understand(
            "How fast",
            "Press `5`: Trends shows the slots at their limit, though sessions end all the time. Ending more of them "
            "frees slots for a moment only: whoever connects has to be slowed down. The line of `r` is those who are "
            "turned away meanwhile: REFUSED on screen 1 names lambda, and the shop's own services.",
            both(on("trends"), trouble),
        ),
        _limit(
            "lambda",
            "Limit the role, so that the others get in. In Triage, `t`, press `H`, then `a`: a limit, then the end of "
            "who is above it. Type the number that is asked for, then `Enter`.",
        ),
        _limit_check(
            "Press `1` and watch the gauge: those who are there leave, and no more than the limit come. In half a "
            "minute the trouble is over. If not, the limit is still too high: H sets a lower one."
        ),
    ),
    "Well done: {slots}, {used} of {usable} are taken, and the shop gets in again. For good: put a pool in front of "
    "the functions, so that connections are kept; then L lets the role go. Next: `q`, then make demo GUIDE=1 "
    "SCENARIO=calm",
)

GUIDES = {
    guide.scenario: guide
    for guide in (
        CALM, IDLE_LEAK, IDLE_IN_TRANSACTION, LOCK_PILEUP, BUSY, POOL_SATURATED, ROLE_LIMIT, STORM,
    )
}  # fmt: skip


def guide_of(scenario: str, dba: str = "") -> Guide:
    """The lesson of a scenario of `scenarios.SCENARIOS`; `dba` is the command that runs a superuser's statement."""
    return replace(GUIDES[scenario], dba=dba)
