"""Reading a check's options: the few forms that several checks share. All of them raise BadOption."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from gigctl.checks.base import BadOption
from gigctl.values import BadValue, parse_duration


def no_option(name: str, value: str) -> dict[str, Any]:
    """`option` of a check that has none: `--check NAME` or `--check NAME=`."""
    if value.strip():
        raise BadOption(f"{name} takes no value, got {value!r}")
    return {}


def check_keys(name: str, options: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """`known` is key -> what it takes, as told to who wrote another one."""
    for key in options:
        if key not in known:
            expected = ", ".join(f"{k} ({v})" for k, v in known.items()) or "no options"
            raise BadOption(f"{name}: unknown key {key!r}, expected {expected}")


def seconds_of(value: object) -> float:
    """A duration: `45m`, `1h30m`, `90s`, `2d`, or a number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e7:
        return float(value)
    if isinstance(value, str):
        with contextlib.suppress(BadValue):
            if seconds := parse_duration(value):
                return float(seconds)
    raise BadOption(f"a duration is like 45m, 1h30m or 90s, got {value!r}")
