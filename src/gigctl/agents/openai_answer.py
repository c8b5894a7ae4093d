"""What an OpenAI-compatible server's bytes say: read tolerantly, decided strictly.

Servers answer with a byte order mark, as `text/plain`, as server-sent events that nobody asked for, with an error
body under status 200, with null content, with reasoning in its place, without usage. All of it is read here; whatever
is not a whole answer in words is an AgentError.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, NoReturn

from msgspec import Struct

from gigctl.agents.base import AgentError, ErrorKind
from gigctl.agents.failures import Complaint, one_line, refusal, with_status
from gigctl.model import Usage

__all__ = ["Answer", "fewest_tokens", "picodollars", "read_answer", "read_complaint", "read_completion"]

PICO = Decimal(10) ** 12
_BOM = codecs.BOM_UTF8


class Answer(Struct, frozen=True):
    """A completion: `cost` (picodollars) is what the server itself says it took."""

    content: str
    finish: str
    usage: Usage | None
    cost: int | None
    model: str


def read_answer(body: bytes, max_output: int) -> Answer:
    """The whole answer in a body that came with status 200. Raises AgentError."""
    return read_completion(_load(body), max_output)


def read_completion(found: Mapping[str, Any], max_output: int) -> Answer:
    """The whole answer in a completion, as the protocol's JSON object. Raises AgentError."""
    error = found.get("error")
    if error and not found.get("choices"):
        raise refusal(with_status(_complaint_of(error, 0)), paid=True)
    usage, cost = _usage(found.get("usage"), found.get("timings")), _cost(found.get("usage"))
    model = found["model"] if isinstance(found.get("model"), str) else ""
    choice = _first_choice(found)
    finish = choice.get("finish_reason")
    finish = finish if isinstance(finish, str) else ""
    raw = choice.get("message")
    message: dict[str, Any] = raw if isinstance(raw, dict) else {}
    content = _content(message.get("content", choice.get("text")))
    answer = Answer(content, finish, usage, cost, model)
    _decide(answer, message, max_output)
    return answer


_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
_FILTERED = frozenset(
    {"content_filter", "refusal", "safety", "recitation", "prohibited_content", "blocklist", "sensitive"}
)
_NO_ANSWER = frozenset({"tool_calls", "function_call", "error", "abort", "insufficient_system_resource"})


def _decide(answer: Answer, message: dict[str, Any], max_output: int) -> None:
    def fail(kind: ErrorKind, why: str) -> NoReturn:
        raise AgentError(
            kind,
            why,
            usage=answer.usage,
            cost=answer.cost,
            model=answer.model,
            content=answer.content,
        )

    finish = answer.finish.lower()
    refused = message.get("refusal")
    if isinstance(refused, str) and refused.strip():
        fail("refused", f"the model refused: {one_line(refused)}")
    if finish in _FILTERED:
        fail("refused", f"a filter ended the answer ({finish})")
    if finish in _CUT or (answer.usage is not None and answer.usage.output == max_output and max_output > 0):
        # Some routes always say "stop": an answer of exactly the limit was cut by it.
        fail("cut", f"the answer was cut at the limit of {max_output} tokens")
    if finish in _NO_ANSWER:
        fail("malformed", f"no answer but {finish}")
    if not answer.content.strip():
        thought = any(message.get(name) for name in ("reasoning_content", "reasoning", "thinking"))
        fail("malformed", "reasoning, but no answer" if thought else "an empty answer")
    try:
        answer.content.encode()
    except UnicodeEncodeError:
        fail("malformed", "the answer holds half a character (a lone surrogate)")


# --- bytes ---


def _malformed(why: str) -> AgentError:
    return AgentError("malformed", why)


def _load(body: bytes) -> dict[str, Any]:
    try:
        text = body.removeprefix(_BOM).decode().strip()
    except UnicodeDecodeError as error:
        raise _malformed(f"the answer is not UTF-8 (byte {error.start})") from None
    if not text.startswith("{") and re.match(r"(?:data|event|id|retry)?:", text):
        return _join(_events(text))
    found = _json(text)
    if not isinstance(found, dict):
        raise _malformed("the answer is no JSON object")
    return found


def _json(text: str) -> Any:
    try:
        return _DECODE(text)
    except (ValueError, RecursionError):
        raise _malformed(f"the answer is no JSON: {one_line(text, 80)!r}" if text else "an empty body") from None


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)


_DECODE = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant).decode


def _events(text: str) -> Iterable[dict[str, Any]]:
    """The data of server-sent events; an event's lines are joined, comments and other fields are passed over."""
    for event in re.split(r"(?:\r\n|\r|\n){2,}", text):
        lines = [line[5:].removeprefix(" ") for line in re.split(r"\r\n|\r|\n", event) if line.startswith("data:")]
        data = "\n".join(lines).strip()
        if data and data != "[DONE]":
            found = _json(data)
            if not isinstance(found, dict):
                raise _malformed("an event is no JSON object")
            yield found


KEPT = frozenset({"error", "usage", "model", "timings"})
"""What the events of a stream say of the whole."""


def _join(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One completion from the pieces of a stream. One that does not say how it ended was cut."""
    whole: dict[str, Any] = {}
    pieces: list[str] = []
    finish: Any = None
    for event in events:
        whole.update({name: value for name, value in event.items() if name in KEPT and value})
        for choice in event.get("choices") or ():
            if not isinstance(choice, dict) or choice.get("index", 0) != 0:
                continue
            delta = choice.get("delta") or choice.get("message") or {}
            pieces.append(_content(delta.get("content") if isinstance(delta, dict) else None))
            finish = choice.get("finish_reason") or finish
    text = "".join(pieces)
    if finish is None and not whole.get("error"):
        raise AgentError("cut", "the answer's events end before the answer does", content=text)
    if finish is not None:
        whole["choices"] = [{"message": {"content": text}, "finish_reason": finish}]
    return whole


# --- fields ---


def _first_choice(found: Mapping[str, Any]) -> dict[str, Any]:
    choices = found.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise _malformed("the answer has no choices")
    first: dict[str, Any] = choices[0]
    return first


def _content(value: Any) -> str:
    """The words of a content: a string, or a list of parts of which only those of text are an answer."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return ""
    texts = [part if isinstance(part, str) else part.get("text") for part in value if _is_text(part)]
    return "".join(text for text in texts if isinstance(text, str))


def _is_text(part: Any) -> bool:
    return isinstance(part, str) or (isinstance(part, dict) and part.get("type", "text") in ("text", "output_text"))


def _usage(said: Any, timings: Any = None) -> Usage | None:
    """The tokens; None where they are missing or can't be: an answer of no tokens is none."""
    if not isinstance(said, dict):
        return None
    read = _count(said.get("prompt_tokens", said.get("input_tokens")))
    written = _count(said.get("completion_tokens", said.get("output_tokens")))
    if read is None or not written:
        return None
    return Usage(read, written, min(_cached(said, timings), read))


def _cached(said: Mapping[str, Any], timings: Any) -> int:
    """The tokens of the prompt that came from a cache: OpenAI's word for them, that of its newer protocol, DeepSeek's,
    and llama.cpp's (`timings`, beside the usage)."""
    places = (
        (said.get("prompt_tokens_details"), "cached_tokens"), (said.get("input_tokens_details"), "cached_tokens"),
        (said, "prompt_cache_hit_tokens"), (timings, "cache_n"),
    )  # fmt: skip
    counts = (_count(place.get(name)) for place, name in places if isinstance(place, dict))
    return next((count for count in counts if count), 0)


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    number = Decimal(value)
    return int(number) if 0 <= number < 10**12 and number == number.to_integral_value() else None


def _cost(said: Any) -> int | None:
    """What OpenRouter says that the call cost, in dollars. 0 says nothing: it is also what a key of one's own shows."""
    value = said.get("cost") if isinstance(said, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not Decimal(0) < Decimal(value) < 10**6:
        return None
    return picodollars(Decimal(value))


def picodollars(dollars: Decimal) -> int:
    """Whole picodollars, rounded up."""
    return int((dollars * PICO).to_integral_value(ROUND_CEILING))


# --- complaints ---


def read_complaint(status: int, body: bytes) -> Complaint:
    """What the body of an error answer says, whatever form it has."""
    text = body[:65536].decode("utf-8-sig", "replace").strip()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return Complaint(status, "", "" if text.startswith("<") else text)
    if isinstance(found, list) and found:
        found = found[0]  # Gemini wraps its errors in a list
    if not isinstance(found, dict):
        return Complaint(status, "", text)
    said = _complaint_of(found.get("error") or found, status)
    return Complaint(status, said.code, said.message)


def _complaint_of(error: Any, status: int) -> Complaint:
    if not isinstance(error, dict):
        return Complaint(status, "", str(error))
    code = error.get("code")
    number = _count(int(code) if isinstance(code, str) and re.fullmatch(r"[0-9]{3}", code, re.ASCII) else code) or 0
    words = (error.get(name) for name in ("code", "type", "status", "param"))
    message = error.get("message") or error.get("detail") or ""
    text = message if isinstance(message, str) else json.dumps(message, default=str)
    return Complaint(
        number if number in range(400, 600) else status, " ".join(word for word in words if isinstance(word, str)), text
    )


# --- a prompt that was cut ---

_RUN = re.compile(r"[^\W_]+")
_LONGEST_TOKEN = 32
"""Characters: longer words than this are never one token in the vocabularies in use."""


def fewest_tokens(text: str) -> int:
    """A lower bound of what any common tokenizer makes of a text: none joins two words, so each is one at least."""
    if text.isascii():  # the same words, without the expression
        marked = text.encode().translate(_MARKED)
        if b"a" * _LONGEST_TOKEN not in marked:
            return len(marked.split())
    words = _RUN.findall(text)
    return len(words) + sum(len(word) // _LONGEST_TOKEN for word in words if len(word) >= _LONGEST_TOKEN)


_MARKED = bytes(ord("a") if code < 128 and chr(code).isalnum() else ord(" ") for code in range(256))
"""Of ASCII: a letter for what words are made of, a space for all else."""
