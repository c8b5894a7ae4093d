"""A status and its words as one kind, by DESIGN's table of what happened to a call."""

from __future__ import annotations

import pytest

from gigctl.agents.failures import Complaint, find_retry_after, get_kind, one_line, refusal

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (401, "", "auth"),
        (403, "", "auth"),
        (403, "your input was flagged by moderation", "refused"),
        (402, "Insufficient Balance", "no_credit"),
        (429, "slow down", "rate_limited"),
        (
            429,
            "You exceeded your current quota, please check your plan and billing details. insufficient_quota",
            "no_credit",
        ),
        (429, "check your plan and billing details. Limit: requests per minute. Please retry in 12s", "rate_limited"),
        (400, "Your credit balance is too low to access the API", "no_credit"),
        (400, "This model's maximum context length is 8192 tokens", "too_long"),
        (400, "the request exceeds the available context size, try increasing it", "too_long"),
        (413, "", "too_long"),
        (422, "input is too long", "too_long"),
        (400, "The response was filtered: content management policy", "refused"),
        (400, "bad json", "refused"),
        (404, "no such model", "refused"),
        (500, "oops", "unavailable"),
        (502, "", "unavailable"),
        (503, "Loading model", "overloaded"),
        (529, "Overloaded", "overloaded"),
        (504, "", "timeout"),
    ],
)
def test_kinds(status: int, words: str, kind: str) -> None:
    assert get_kind(Complaint(status, "", words)) == kind


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 429, 500, 501, 502, 503, 529])
def test_an_error_answered_whole_costs_nothing(status: int) -> None:
    error = refusal(Complaint(status))
    assert (error.sent, error.answered, error.cost) == (True, True, 0)


@pytest.mark.parametrize("status", [408, 504, 520, 524])
def test_a_server_that_gave_up_is_unknown(status: int) -> None:
    error = refusal(Complaint(status))
    assert error.unknown
    assert error.cost is None


def test_a_cut_error_is_unknown_from_500_on() -> None:
    assert refusal(Complaint(500), whole=False).unknown
    assert not refusal(Complaint(429), whole=False).unknown


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "9", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT", "date": "Fri, 15 Jan 2027 08:00:20 GMT"}, 10.0),
        ({"retry-after": "Fri, 15 Jan 2010 08:00:30 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert find_retry_after(headers, NOW) == seconds


def test_one_line_holds_no_control_character() -> None:
    assert one_line("a\x1b[31m\nb\u202e" + "x" * 400, 20) == "a [31m b " + "x" * 10 + "…"
