# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboards in Grafana's own words: its foundation SDK reads each, and loses nothing of it.

The SDK is generated from Grafana's schemas. A key that they do not have is gone once it was read and written
again; what a panel's own options are is not looked into.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.alerts.test_dashboards import NAMES, read

encoder, plugins, models = (
    pytest.importorskip(f"grafana_foundation_sdk.{part}", reason="set up before it was wanted: deploy/setup")
    for part in ("cog.encoder", "cog.plugins", "models.dashboard")
)


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> None:
    """Let the SDK know the queries of Prometheus."""
    plugins.register_default_plugins()


def lost(board: dict[str, Any]) -> list[str]:
    """What Grafana's models do not know of a dashboard, or understand in another way."""
    again = json.loads(encoder.JSONEncoder().encode(models.Dashboard.from_json(board)))
    return list(_differences(board, again, ""))


def _differences(before: Any, after: Any, where: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from _differences(value, after[key], f"{where}.{key}")
            else:
                yield f"{where}.{key}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for at, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(one, other, f"{where}[{at}]")
    elif before != after:
        yield f"{where}: {before!r} became {after!r}"


@pytest.mark.parametrize("name", NAMES)
def test_grafanas_models_know_all_of_a_dashboard(name: str) -> None:
    assert lost(read(name)) == []


def test_what_they_do_not_know_is_found() -> None:
    board = read("fleet")
    panel = board["panels"][0]
    panel["titel"], panel["targets"][0]["exprr"] = "x", "y"
    panel["fieldConfig"]["defaults"]["unitt"] = "s"
    board["templating"]["list"][1]["labell"] = "z"
    assert sorted(lost(board)) == [
        ".panels[0].fieldConfig.defaults.unitt",
        ".panels[0].targets[0].exprr",
        ".panels[0].titel",
        ".templating.list[1].labell",
    ]
