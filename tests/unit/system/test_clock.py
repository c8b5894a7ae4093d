from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from gigctl.system import clock

moments = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]))


@given(moments.filter(lambda m: 1000 < m.year < 9998), moments.filter(lambda m: 1000 < m.year < 9998))
def test_a_moment_survives_and_texts_sort_as_moments_do(one: datetime, other: datetime) -> None:
    assert clock.from_text(clock.to_text(one)) == one
    assert (clock.to_text(one) < clock.to_text(other)) == (one < other)


def test_now_is_aware() -> None:
    assert clock.now().tzinfo is UTC
    assert clock.to_text(datetime(2026, 11, 25, 16, tzinfo=UTC)) == "2026-11-25T16:00:00.000000Z"
