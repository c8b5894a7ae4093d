"""Prices from litellm's table, as data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gigctl.agents.prices import Price, find_price, priced
from gigctl.model import AgentEntry


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.json"
    rows = {
        "big": '{"input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05, "litellm_provider": "acme",'
        ' "max_input_tokens": 1048576, "input_cost_per_token_above_200k_tokens": 2.5e-06}',
        "acme/small": '{"input_cost_per_token": 1.23456789012345e-07, "output_cost_per_token": 4e-07,'
        ' "output_cost_per_reasoning_token": 9e-07, "litellm_provider": "acme"}',
        "free": '{"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "litellm_provider": "acme"}',
        "acme/x:free": '{"input_cost_per_token": 0, "output_cost_per_token": 0, "litellm_provider": "acme"}',
        "kept": '{"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "litellm_provider": "acme",'
        ' "cache_read_input_token_cost": 1e-07}',
        "dear": '{"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "litellm_provider": "acme",'
        ' "cache_read_input_token_cost": 2e-06}',
        "picture": '{"output_cost_per_image": 0.04, "litellm_provider": "acme"}',
    }
    path.write_text("{" + ", ".join(f"{json.dumps(name)}: {row}" for name, row in rows.items()) + "}")
    return path


@pytest.mark.parametrize(
    ("provider", "model", "price"),
    [
        ("acme", "big", Price(1_250_000, 10_000_000, 200_000)),
        ("acme", "small", Price(123_457, 900_000)),
        ("", "acme/big", Price(1_250_000, 10_000_000, 200_000)),
        ("", "other/big", None),
        ("other", "big", None),
        ("acme", "free", None),
        ("acme", "x:free", Price(0, 0)),
        ("acme", "kept", Price(1_000_000, 2_000_000, cached=100_000)),
        ("acme", "dear", Price(1_000_000, 2_000_000)),
        ("acme", "picture", None),
        ("acme", "", None),
        (None, "big", None),
    ],
)
def test_prices(table: Path, provider: str | None, model: str, price: Price | None) -> None:
    assert find_price(provider, model, table) == price


def test_no_table_is_no_price(tmp_path: Path) -> None:
    assert find_price("acme", "big", tmp_path / "none.json") is None
    (tmp_path / "bad.json").write_text("{")
    assert find_price("acme", "big", tmp_path / "bad.json") is None


def test_the_real_table_has_prices_and_does_not_import_litellm() -> None:
    code = (
        "import sys; from gigctl.agents.prices import priced; from gigctl.model import AgentEntry as E\n"
        "e = priced(E('a', 'openai', model='gpt-4o-mini', api_base='https://api.openai.com/v1'))\n"
        "print(e.price_in, e.price_out, e.price_cached, e.window, 'litellm' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    read, written, cached, window, imported = out.stdout.split()
    assert 0 < int(cached) < int(read) < int(written)
    assert int(window) >= 100_000
    assert imported == "False"


def test_what_is_set_is_kept_and_what_nobody_knows_stays_unknown() -> None:
    own = AgentEntry("a", "openai", model="gpt-4o-mini", api_base="https://api.openai.com/v1", price_in=7, price_out=0)
    assert priced(own) is own
    half = AgentEntry("a", "openai", model="gpt-4o-mini", api_base="https://api.openai.com/v1", price_in=7)
    assert priced(half).price_cached is None
    elsewhere = AgentEntry("a", "openai", model="gpt-4o-mini", api_base="https://gateway.example/v1")
    assert priced(elsewhere) is elsewhere
    local = AgentEntry("a", "openai", model="gpt-4o-mini", api_base="http://127.0.0.1/v1", local=True)
    assert priced(local) is local
