"""A session's text can be as long as track_activity_query_size lets it be: a megabyte."""

import pytest

from pgheadroom.view import session_detail
from pgheadroom.view.session_detail import detail_lines
from samples import session, snapshot


def test_a_long_text_is_wrapped_once_and_not_with_each_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    query = "SELECT " + ", ".join(f"column_{number}" for number in range(5000))
    first = detail_lines(session(query=query), None, snapshot([session(query=query)]), (), None, 100)

    def again(text: str) -> None:
        raise AssertionError("it is looked at word by word again")

    monkeypatch.setattr(session_detail, "highlight", again)
    moved = session(query=query, since=9)
    second = detail_lines(moved, None, snapshot([moved]), (), None, 100)
    assert second[-50:] == first[-50:]
    assert len(second) > 500
