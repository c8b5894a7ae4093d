"""Bytes of servers: read tolerantly, decided strictly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.agents.base import AgentError
from gigctl.agents.openai_answer import Answer, fewest_tokens, read_answer, read_complaint
from gigctl.model import Usage

USAGE = {"prompt_tokens": 9, "completion_tokens": 2}


def completion(content: Any = "bonjour", finish: Any = "stop", usage: Any = USAGE, **message: Any) -> bytes:
    return json.dumps(
        {
            "model": "m-2",
            "choices": [{"message": {"content": content, **message}, "finish_reason": finish}],
            "usage": usage,
        }
    ).encode()


def read(body: bytes) -> Answer:
    return read_answer(body, 100)


def error_of(body: bytes) -> AgentError:
    with pytest.raises(AgentError) as caught:
        read(body)
    return caught.value


def test_a_plain_answer() -> None:
    assert read(completion()) == Answer("bonjour", "stop", Usage(9, 2), None, "m-2")


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + completion(),
        b"\n\n   " + completion() + b"\n",
        completion([{"type": "text", "text": "bon"}, {"type": "text", "text": "jour"}]),
        completion([{"type": "thinking", "text": "hm"}, "bonjour"]),
        completion(reasoning_content="thinking of a greeting"),
        completion(finish=None),
        json.dumps({"choices": [{"text": "bonjour"}]}).encode(),
    ],
)
def test_odd_forms_of_one_answer(body: bytes) -> None:
    assert read(body).content == "bonjour"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (completion(None), "malformed"),
        (completion(""), "malformed"),
        (completion(" \n"), "malformed"),
        (completion(None, reasoning_content="long thoughts"), "malformed"),
        (completion(None, finish="tool_calls"), "malformed"),
        (completion("half", finish="length"), "cut"),
        (completion("half", usage={"prompt_tokens": 9, "completion_tokens": 100}), "cut"),
        (completion("I", finish="content_filter"), "refused"),
        (completion(None, refusal="I can't help with that"), "refused"),
        (completion("\ud800"), "malformed"),
        (b"", "malformed"),
        (b"null", "malformed"),
        (b"[]", "malformed"),
        (b"{}", "malformed"),
        (b'{"choices": []}', "malformed"),
        (b'{"choices": [7]}', "malformed"),
        (b'{"choices": NaN}', "malformed"),
        (b"\xff\xfe{}", "malformed"),
        (b"<html>", "malformed"),
        (b"[" * 100_000, "malformed"),
        (b'{"a": ' + b"9" * 5000 + b"}", "malformed"),
        (completion()[:-20], "malformed"),
        (b'{"error": "who knows"}', "refused"),
        (b'{"error": {"message": "rate limit hit"}}', "rate_limited"),
        (b'{"error": {"message": "x", "code": 503}}', "overloaded"),
        (b'{"error": {"message": "x", "code": "401"}}', "auth"),
    ],
)
def test_what_is_no_answer(body: bytes, kind: str) -> None:
    error = error_of(body)
    assert error.kind == kind
    assert error.answered
    assert error.cost is None, "a 200 may have been paid"


def test_an_unusable_answer_keeps_what_was_paid() -> None:
    error = error_of(completion("half", finish="length"))
    assert (error.content, error.usage, error.model) == ("half", Usage(9, 2), "m-2")


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ("many", None),
        ({}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": 5, "completion_tokens": 0}, None),
        ({"prompt_tokens": -5, "completion_tokens": 3}, None),
        ({"prompt_tokens": True, "completion_tokens": 3}, None),
        ({"prompt_tokens": 5.5, "completion_tokens": 3}, None),
        ({"prompt_tokens": 0, "completion_tokens": 3}, Usage(0, 3)),
        ({"prompt_tokens": 5.0, "completion_tokens": 3}, Usage(5, 3)),
        ({"input_tokens": 5, "output_tokens": 3}, Usage(5, 3)),
        ({**USAGE, "prompt_tokens_details": {"cached_tokens": 4}}, Usage(9, 2, 4)),
        ({**USAGE, "prompt_tokens_details": {"cached_tokens": 400}}, Usage(9, 2, 9)),
        ({**USAGE, "prompt_tokens_details": None}, Usage(9, 2)),
        ({**USAGE, "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 3}, Usage(9, 2, 6)),
        ({**USAGE, "prompt_tokens_details": {"cached_tokens": 0}, "prompt_cache_hit_tokens": 6}, Usage(9, 2, 6)),
        ({"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 5}}, Usage(9, 2, 5)),
        ({**USAGE, "prompt_cache_hit_tokens": "many"}, Usage(9, 2)),
    ],
)
def test_usage(usage: Any, expected: Usage | None) -> None:
    assert read(completion(usage=usage)).usage == expected


def test_what_llama_cpp_had_in_its_cache_is_read_from_its_timings() -> None:
    assert read(completion()[:-1] + b', "timings": {"cache_n": 7, "prompt_n": 2}}').usage == Usage(9, 2, 7)


def test_a_reported_cost_is_exact() -> None:
    body = completion().replace(b'"completion_tokens": 2', b'"completion_tokens": 2, "cost": 0.000000000012000001')
    assert read(body).cost == 13  # picodollars, rounded up; a float would have lost the last digit
    assert read(completion(usage={**USAGE, "cost": 0})).cost is None


# --- events ---


def events(*found: Any, end: str = "data: [DONE]\n\n") -> bytes:
    return (": keep-alive\n\n" + "".join(f"data: {json.dumps(each)}\n\n" for each in found) + end).encode()


def delta(text: str | None, finish: str | None = None) -> dict[str, Any]:
    return {"model": "m-2", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


def test_events_that_nobody_asked_for() -> None:
    body = events(delta("bon"), delta("jour"), delta(None, "stop"), {"choices": [], "usage": USAGE})
    assert read(body) == Answer("bonjour", "stop", Usage(9, 2), None, "m-2")
    assert read(body.replace(b"\n", b"\r\n")).content == "bonjour"


def test_events_that_end_too_soon_are_cut() -> None:
    error = error_of(events(delta("bon"), end=""))
    assert (error.kind, error.content) == ("cut", "bon")


def test_an_error_among_events() -> None:
    assert error_of(events({"error": {"code": 429, "message": "later"}})).kind == "rate_limited"


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip), st.integers(1, 9))
def test_any_text_comes_through_either_form(text: str, size: int) -> None:
    assert read(completion(text)).content == text
    pieces = [delta(text[at : at + size]) for at in range(0, len(text), size)]
    assert read(events(*pieces, delta(None, "stop"))).content == text


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.binary()
    | _json.map(lambda found: json.dumps(found).encode())
    | st.builds(
        lambda message, usage, choice, error: json.dumps(
            {"choices": [{"message": message, **choice}], "usage": usage, **({"error": error} if error else {})}
        ).encode(),
        st.fixed_dictionaries({"content": _json, "refusal": _json}),
        _json | st.fixed_dictionaries({"prompt_tokens": _json, "completion_tokens": _json, "cost": _json}),
        st.fixed_dictionaries({"finish_reason": _json}),
        _json,
    )
    | _json.map(lambda found: b"data: " + json.dumps({"choices": [found], "error": None}).encode())
)
def test_no_body_is_a_crash(body: bytes) -> None:
    try:
        assert read_answer(body, 100).content.strip()
    except AgentError as error:
        assert error.kind  # noqa: PT017  # either is right, a crash is not
    assert read_complaint(500, body).status


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "no"}}', "no"),
        (b'[{"error": {"message": "no", "status": "INVALID"}}]', "no"),
        (b'{"detail": "no"}', "no"),
        (b'{"error": "no"}', "no"),
        (b"no", "no"),
        (b"<html><h1>no</h1>", ""),
        (b"", ""),
    ],
)
def test_complaints(body: bytes, message: str) -> None:
    assert read_complaint(500, body).message == message


# --- the lower bound ---


def test_fewest_tokens_counts_words() -> None:
    assert fewest_tokens("Le prestataire s'engage, dès aujourd'hui.") == 7
    assert fewest_tokens("") == 0
    assert fewest_tokens("____ ---- ////") == 0


@given(st.text(max_size=60), st.text(max_size=60))
def test_fewest_tokens_never_grows_by_joining(one: str, two: str) -> None:
    assert fewest_tokens(one + two) <= fewest_tokens(one) + fewest_tokens(two) + 1
