"""What an error answer means: a status, a code and a sentence become one AgentError, by DESIGN's table.

Used for what an OpenAI-compatible server says, whatever status it says it with, and for what litellm passes on.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from gigctl.agents.base import AgentError, ErrorKind

__all__ = ["Complaint", "find_retry_after", "get_kind", "one_line", "refusal", "with_status"]

UNKNOWN_STATUSES = frozenset({408, 504, 520, 524})
"""A server (or a relay before it: 520 and 524 are Cloudflare's) gave up waiting; the model may have answered."""

_BY_STATUS: dict[int, ErrorKind] = {
    401: "auth",
    402: "no_credit",
    403: "auth",
    408: "timeout",
    413: "too_long",
    429: "rate_limited",
    500: "unavailable",
    502: "unavailable",
    503: "overloaded",
    504: "timeout",
    520: "unavailable",
    524: "timeout",
    529: "overloaded",
}

_NO_CREDIT = re.compile(
    r"insufficient_quota|insufficient (?:balance|credits?|funds)|billing_(?:hard_limit|not_active)|billing hard limit"
    r"|exceeded_current_quota|check your plan and billing|credit balance is too low|out of credits"
    r"|no credits? (?:left|remaining)"
    r"|requires more credits|payment required|account is (?:in)?active.{0,20}billing",
    re.IGNORECASE,
)
_FOR_NOW = re.compile(r"per[ _-]?(?:minute|second|hour|day)|(?:retry|try again) (?:in|after)", re.IGNORECASE)
"""Gemini says "check your plan and billing" of a limit per minute too."""
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|string_above_max_length|(?:maximum|max) context"
    r"|context (?:window|length|size)"
    r"|(?:prompt|input|request|message)s? (?:is|are) too (?:long|large)|too many (?:input )?tokens|reduce the length"
    r"|max_model_len|exceeds? the (?:model'?s )?(?:maximum|max)(?: number of)? (?:input )?tokens|request too large",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"content[_ ](?:policy|filter)|responsible ?ai ?policy|content management policy|flagged|moderation"
    r"|data_inspection_failed|safety (?:system|settings)|usage polic",
    re.IGNORECASE,
)


class Complaint(Struct, frozen=True):
    """An error answer. `status` is HTTP's, or the number that an error body names; `code` its machine's word."""

    status: int
    code: str = ""
    message: str = ""

    @property
    def words(self) -> str:
        return f"{self.code} {self.message}"


def get_kind(said: Complaint) -> ErrorKind:
    """The kind of a complaint. What has no kind of its own is `refused` below 500: asking again changes nothing."""
    words = said.words
    if said.status in (400, 402, 403, 429) and _NO_CREDIT.search(words):
        no_more = "insufficient_quota" in words or not _FOR_NOW.search(words)
        return "no_credit" if no_more else "rate_limited"
    if said.status in (400, 413, 422, 429, 500) and _TOO_LONG.search(words) and said.code != "rate_limit_exceeded":
        return "too_long"
    if said.status in (400, 403, 422, 451) and _REFUSED.search(words):
        return "refused"
    return _BY_STATUS.get(said.status, "unavailable" if said.status >= 500 else "refused")


def with_status(said: Complaint) -> Complaint:
    """A complaint that came without a number, with the status that its words would have had."""
    if said.status:
        return said
    words = said.words.lower()
    if _NO_CREDIT.search(words) or "rate_limit" in words or "rate limit" in words:
        return replace(said, status=429)
    return replace(said, status=529 if "overload" in words else 400)


def refusal(said: Complaint, *, retry_after: float | None = None, whole: bool = True, paid: bool = False) -> AgentError:
    """The error that a complaint is.

    `whole` is False where its body was cut: a 5xx is then unknown, while a 3xx or 4xx is its own answer. Its `cost` is
    0, since nobody is paid for an error; `paid` (one that came with status 200) leaves that open.
    """
    kind = get_kind(said)
    unknown = said.status in UNKNOWN_STATUSES or (said.status >= 500 and not whole)
    if kind in ("no_credit", "too_long"):
        unknown = False
    text = f"answered {said.status}" + (f": {one_line(said.message)}" if said.message.strip() else "")
    cost = None if paid or unknown else 0
    return AgentError(kind, text, answered=not unknown, retry_after=retry_after, cost=cost)


def one_line(text: str, limit: int = 300) -> str:
    """A server's sentence on one line, cut to `limit` characters, without control characters."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def find_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until a server wants to be asked again.

    `headers` have lower-case names. A date counts from the server's own `Date`, so that no clock has to be right,
    else from `now` (seconds since 1970).
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after", "")
    seconds = _number(said)
    if seconds is not None:
        return seconds
    until = _date(said)
    if until is None:
        return None
    return max(0.0, until - (_date(headers.get("date", "")) or now))


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text.strip(), re.ASCII) else None


def _date(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
