"""How many slots the embedded model has, and how much context each: by what a token takes of the memory that is free.

A token's keys and values are kept for every layer, so their size is in the model file's header (GGUF, version 2 and 3:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

from gigctl.system.memory import available_memory

__all__ = ["Header", "Shape", "choose_shape", "load_header"]

WINDOWS = (8192, 4096)
"""Tokens for one request. The larger, unless it leaves room for fewer slots than the machine can use."""
LEAST_WINDOW = 2048
"""What even a machine without room has: a prompt, and an answer of some hundred words."""
SHARE = 4
"""A quarter of what is free beside the weights is for the context; the rest stays other programs'."""
SLOTS_A_CORE, MOST_SLOTS = 2, 16
"""On two cores 4 slots bring as many tokens a second as 1, and hold up better beside other work; from 8 on it is fewer
(docs/embedded-model.md). More cores were not measured: they have their share of slots, up to a limit."""
UNKNOWN_KV = 128 * 1024
"""Bytes of a token where the header does not tell: what a model of 8 billion parameters takes."""


class Shape(Struct, frozen=True):
    """How many slots share how many tokens of context."""

    slots: int
    context: int


class Header(Struct, frozen=True):
    """Of a model: the bytes that a token takes in the cache, and the tokens that it was trained to see (0: unknown)."""

    kv_bytes: int
    trained: int = 0


def choose_shape(
    model: Path, wanted: int | None = None, *, memory: int | None = None, cores: int | None = None
) -> Shape:
    """As many slots as memory allows, up to two a core; or as many as are `wanted`, whose windows are then smaller.
    `memory` is what is free, in bytes."""
    header = load_header(model)
    memory = available_memory() if memory is None else memory
    tokens = max(0, memory - _size(model)) // SHARE // header.kv_bytes
    most = wanted or min(MOST_SLOTS, SLOTS_A_CORE * (cores or len(os.sched_getaffinity(0))))
    windows = [min(window, header.trained or window) for window in WINDOWS]
    window = next((window for window in windows if tokens >= most * window), windows[-1])
    slots = wanted or max(1, min(most, tokens // window))
    room = max(LEAST_WINDOW, tokens // slots // 1024 * 1024)
    return Shape(slots, slots * min(window, room))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


# --- the header ---

_FORMS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONGEST = 1 << 16
"""Bytes of a key, items of a list of numbers: what is longer is none of those that are looked for."""


def load_header(model: Path) -> Header:
    """What a model's file says of itself; of one that can't be read, a large model's figures."""
    try:
        with model.open("rb") as file:
            found = _entries(file)
            name = found["general.architecture"]
            return _header({key.removeprefix(f"{name}."): value for key, value in found.items()})
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError, struct.error):
        return Header(UNKNOWN_KV)


def _header(found: Mapping[str, Any]) -> Header:
    layers = int(found["block_count"])
    heads = _per_layer(found["attention.head_count"], layers)
    kept = _per_layer(found.get("attention.head_count_kv", heads), layers)
    width = int(found["embedding_length"]) // max(heads)
    key, value = (int(found.get(f"attention.{what}_length", width)) for what in ("key", "value"))
    size = 2 * sum(kept) * (key + value)  # of 16 bits each
    return Header(size if size > 0 else UNKNOWN_KV, max(0, int(found.get("context_length", 0))))


def _per_layer(said: Any, layers: int) -> list[int]:
    """A number for all layers, or one for each: a layer without attention keeps nothing."""
    return [int(number) for number in said] if isinstance(said, list) else [int(said)] * layers


def _entries(file: IO[bytes]) -> dict[str, Any]:
    """What stands before the vocabulary, which is long, and comes last."""
    magic, version, _, count = struct.unpack("<4sIQQ", file.read(24))
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError("no GGUF file of version 2 or 3")
    found: dict[str, Any] = {}
    for _ in range(count):
        key = _text(file)
        if key.startswith("tokenizer."):
            break
        found[key] = _value(file, _number(file, "I"))
    return found


def _value(file: IO[bytes], kind: int) -> Any:
    if kind == _STRING:
        return _text(file)
    if kind != _ARRAY:
        return _number(file, _FORMS[kind])
    inner, count = _number(file, "I"), _number(file, "Q")
    if count > _LONGEST:
        raise ValueError("a list that is too long")
    return [_value(file, inner) for _ in range(count)]


def _text(file: IO[bytes]) -> str:
    length = _number(file, "Q")
    if length > _LONGEST:
        file.seek(length, os.SEEK_CUR)  # a chat template, a licence
        return ""
    return file.read(length).decode("utf-8", "replace")


def _number(file: IO[bytes], form: str) -> Any:
    return struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))[0]
