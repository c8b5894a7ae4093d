"""Slots and context by what a token takes of the memory that is free."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.agents.local_shape import UNKNOWN_KV, Header, Shape, choose_shape, load_header

GIB = 2**30
QWEN = {
    "general.architecture": "qwen2",
    "qwen2.block_count": 28,
    "qwen2.context_length": 32768,
    "qwen2.embedding_length": 1536,
    "qwen2.attention.head_count": 12,
    "qwen2.attention.head_count_kv": 2,
}
WEIGHTS = 1_117_320_768


def a_text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def a_value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + a_text(value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 4, len(value)) + b"".join(struct.pack("<I", item) for item in value)
    return struct.pack("<II", 4, value)


def a_file(path: Path, entries: Mapping[str, Any], *, count: int | None = None, size: int = 0) -> Path:
    head = struct.pack("<4sIQQ", b"GGUF", 3, 0, len(entries) if count is None else count)
    path.write_bytes(head + b"".join(a_text(key) + a_value(value) for key, value in entries.items()))
    if size:
        with path.open("r+b") as file:
            file.truncate(size)  # a hole: it takes no room
    return path


def test_a_tokens_bytes_are_in_the_header(tmp_path: Path) -> None:
    """28 layers, 2 heads of 128, keys and values, 16 bits each."""
    assert load_header(a_file(tmp_path / "m.gguf", QWEN)) == Header(28 * 2 * 2 * 128 * 2, 32768)


def test_heads_of_a_size_of_their_own_and_layers_without_attention(tmp_path: Path) -> None:
    more = {
        "qwen2.block_count": 4,
        "qwen2.attention.head_count_kv": [0, 0, 0, 2],
        "qwen2.attention.key_length": 256,
        "qwen2.attention.value_length": 64,
    }
    assert load_header(a_file(tmp_path / "m.gguf", QWEN | more)).kv_bytes == 2 * (256 + 64) * 2


def test_the_vocabulary_is_not_read(tmp_path: Path) -> None:
    entries = {"general.licence": "x" * 70_000, **QWEN, "tokenizer.ggml.tokens": "none"}
    path = a_file(tmp_path / "m.gguf", entries, count=200_000)
    assert load_header(path).kv_bytes == 28672


@pytest.mark.parametrize("lost", ["general.architecture", "qwen2.block_count", "qwen2.embedding_length"])
def test_a_header_that_does_not_tell_counts_as_a_large_models(tmp_path: Path, lost: str) -> None:
    entries = {key: value for key, value in QWEN.items() if key != lost}
    assert load_header(a_file(tmp_path / "m.gguf", entries)) == Header(UNKNOWN_KV)
    assert load_header(tmp_path / "none.gguf") == Header(UNKNOWN_KV)


@given(st.binary(max_size=200))
def test_any_bytes_have_a_header(tmp_path_factory: pytest.TempPathFactory, tail: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.gguf"
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 5) + tail)
    assert load_header(path).kv_bytes > 0


@pytest.mark.parametrize(
    ("gib", "cores", "shape"),
    [
        (0.5, 2, Shape(1, 2048)),  # less than the weights: it is tried
        (1.5, 2, Shape(1, 4096)),
        (2, 2, Shape(2, 8192)),
        (3, 2, Shape(4, 16384)),
        (8, 2, Shape(4, 32768)),
        (64, 2, Shape(4, 32768)),
        (64, 1, Shape(2, 16384)),
        (64, 64, Shape(16, 131072)),
    ],
)
def test_as_many_slots_as_memory_allows_up_to_what_the_cores_can_use(
    tmp_path: Path, gib: float, cores: int, shape: Shape
) -> None:
    model = a_file(tmp_path / "m.gguf", QWEN, size=WEIGHTS)
    assert choose_shape(model, memory=int(gib * GIB), cores=cores) == shape


@pytest.mark.parametrize(("gib", "shape"), [(2, Shape(8, 16384)), (64, Shape(8, 65536))])
def test_as_many_as_are_wanted(tmp_path: Path, gib: float, shape: Shape) -> None:
    model = a_file(tmp_path / "m.gguf", QWEN, size=WEIGHTS)
    assert choose_shape(model, 8, memory=int(gib * GIB), cores=2) == shape


def test_a_window_is_no_larger_than_the_model_was_trained_to_see(tmp_path: Path) -> None:
    model = a_file(tmp_path / "m.gguf", QWEN | {"qwen2.context_length": 3072})
    assert choose_shape(model, memory=64 * GIB, cores=2) == Shape(4, 4 * 3072)
