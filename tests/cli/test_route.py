# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent route``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]
EXAMPLE = str(Path(__file__).parents[2] / "config")
MAP = f"{EXAMPLE}/numbers/acme.yaml"


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["9995550100"], 0, f"{MAP}:4: exact 9995550100 matches 9995550100"),
        (["9995550250"], 0, f"{MAP}:7: range 9995550200-9995550299 matches 9995550250"),
        (["999555031"], 0, f"{MAP}:8: prefix 99955503* matches 999555031"),
        (["+19995550100", "--carrier", "nice-na1"], 0, "is 9995550100 after the number rules of nice-na1"),
        (["9995550104"], 0, "one of acme-care, acme-care-sandbox: the token decides"),
        (
            ["9995550104", "--token", "demo-sandbox-token"],
            0,
            "project acme-care-sandbox: the token matches",
        ),
        (["9995550100", "--token", "x"], 1, "refused, 403 bad_token: the token does not belong to acme-care"),
        (["9995550100", "--token", "demo-sales-token"], 1, "it belongs to acme-sales"),
        (["9995550100", "--token", ""], 1, "403 bad_token: the call carries no token"),
        (["9995550109"], 1, "refused, 404 unknown_number"),
        (["9995550190"], 1, f"nearest: {MAP}:4: exact 9995550100 of acme-care"),
        (["+19995550100"], 1, f"from carrier loopback it is 9995550100, which {MAP}:4 matches"),
        (["bot"], 1, "bot is not a number"),
    ],
)
def test_what_becomes_of_a_number_is_told(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, expected: str
) -> None:
    assert run("route", *arguments, "--config", EXAMPLE) == code
    output = capsys.readouterr().out
    assert expected in output
    assert "demo-" not in output, "a token was printed"


def test_json_names_rule_and_project(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("route", "9995550101", "--json", "--config", EXAMPLE) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rule"] == {"pattern": "9995550101", "kind": "exact", "file": MAP, "line": 5}
    assert (found["project"], found["labels"], found["refusal"]) == ("acme-care", {"brand": "acme-uk"}, None)


def test_an_unknown_carrier_or_a_broken_folder_could_not_run(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("route", "1", "--carrier", "x", "--config", EXAMPLE) == 2
    assert "unknown carrier x: the configuration has loopback, nice-na1" in capsys.readouterr().err
    assert run("route", "1", "--config", str(tmp_path)) == 2
    assert "has mistakes: correct them first" in capsys.readouterr().err
