# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Refused INVITEs: ``calls --refused`` lists them, ``explain`` tells one in a paragraph."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

import pytest

from agent.cli.refused import paragraph
from agent.core.reasons import Reason
from agent.core.refusals import RefusedInvite

Capture = pytest.CaptureFixture[str]
ON_ADMISSION = list(Reason)[: list(Reason).index(Reason.ANSWERED)]


def one(**changes: Any) -> dict[str, Any]:
    reason: Reason = changes.pop("why", Reason.UNKNOWN_NUMBER)
    detail = "no rule takes the number; carrier loopback"
    refused = RefusedInvite(
        time.time(), "c-1", "a@h", "192.0.2.7", "9995550199", "", reason.code, reason.value, detail
    )
    return asdict(refused) | changes


def test_they_are_listed_newest_first(bench: Any, capsys: Capture, node: Any) -> None:
    node.refusals = [one(), one(call_id="c-0", project="acme-care", when=time.time() - 900)]
    assert bench.command("calls", "--refused") == 0
    _, newest, oldest = capsys.readouterr().out.splitlines()
    assert newest.split()[2:7] == ["c-1", "192.0.2.7", "9995550199", "-", "404"]
    assert "unknown_number: no rule takes" in newest
    assert "c-0" in oldest
    for options, left in ((("--since", "5m"), ["c-1"]), (("--project", "acme-care"), ["c-0"])):
        assert bench.command("calls", "--refused", "--json", *options) == 0
        assert [two["call_id"] for two in json.loads(capsys.readouterr().out)["refused"]] == left


def test_the_list_needs_an_agent_and_knows_no_contacts(bench: Any, capsys: Capture, node: Any) -> None:
    assert bench.command("calls", "--refused") == 0
    assert capsys.readouterr().out == "no refused INVITE matches\n"
    assert bench.command("calls", "--refused", "--contact", "1") == 2
    assert "a refused INVITE has no contact" in capsys.readouterr().err
    assert node.refusals == []


@pytest.mark.parametrize("name", ["c-1", "a@h"])
def test_one_is_explained_by_either_of_its_ids(bench: Any, capsys: Capture, node: Any, name: str) -> None:
    node.refusals = [one()]
    node.stories["c-1"] = [{"when": 1.0, "kind": "decision", "text": "refused: no rule"}]
    assert bench.command("explain", name) == 0
    told, _, ids, *line = capsys.readouterr().out.splitlines()
    assert told.startswith("The INVITE was REFUSED at 20")
    assert "it came from 192.0.2.7 for number 9995550199, and got 404. Why: Number not in the map" in told
    assert "What to do: `handoff-agent route 9995550199` names the rules near it" in told
    assert "SIP Call-ID a@h" in ids
    assert "refused: no rule" in line[-1]
    assert bench.command("explain", name, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], document["refused"]["call_id"]) == (told, "c-1")


def test_a_call_with_that_id_comes_before_an_invite_of_it_that_was_refused(
    bench: Any, capsys: Capture, node: Any
) -> None:
    node.live = [
        {"call_id": "c-2", "contact_id": "1", "sip_call_id": "a@h", "state": "bridged", "began": 1.0}
        | dict.fromkeys(("node", "carrier", "account", "project", "number", "end", "reason"), "x")
        | {"answered": None, "ended": None}
    ]
    node.refusals = [one()]
    assert bench.command("explain", "a@h") == 0
    assert capsys.readouterr().out.startswith("The call has been up for ")


@pytest.mark.parametrize("reason", [*ON_ADMISSION, Reason.INTERNAL])
def test_each_reason_says_what_to_do(reason: Reason) -> None:
    assert "What to do: " in paragraph(one(why=reason))


def test_what_a_peer_wrote_steers_no_terminal() -> None:
    assert "\x1b" not in paragraph(one(number="\x1b[2J", detail="\x1b[31m"))
