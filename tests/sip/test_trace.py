# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytes of SIP messages, kept in C for whoever wants to read one whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.calls.harness.ports import free_port


@pytest.fixture(scope="module", params=["127.0.0.1", "0.0.0.0"])
def told(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What was said to a real stack, and what it kept of that."""
    port = free_port()
    child = subprocess.run(
        [sys.executable, "-m", "tests.sip.messages", request.param, str(port)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert child.returncode == 0, child.stderr
    return {**json.loads(child.stdout), "port": port, "bound": request.param}


def test_each_message_is_there_byte_for_byte_received_or_sent_or_repeated(told: dict[str, Any]) -> None:
    assert {key: told["kept"][key]["whole"] for key in told["said"]} == told["said"]


def test_it_stays_while_others_come(told: dict[str, Any]) -> None:
    early = told["early"]
    assert {key: early[key]["whole"] for key in early} == {key: told["said"][key] for key in early}


def test_what_was_overwritten_is_gone_and_the_last_is_there(told: dict[str, Any]) -> None:
    late, last = told["late"], max(told["late"], key=lambda key: told["late"][key]["position"])
    for key in ("twice <", "twice >R", "bytes <", "none <", "stream <", "longest <"):
        assert (late[key]["whole"], late[key]["local"]) == (None, None)
    assert late[last]["whole"] == told["said"][last]


def test_positions_only_grow(told: dict[str, Any]) -> None:
    positions = [told["kept"][key]["position"] for key in told["said"]]
    assert positions == sorted(set(positions))


def test_a_message_tells_at_which_address_of_ours_it_was(told: dict[str, Any]) -> None:
    addresses = {told["kept"][key]["local"] for key in told["said"]}
    if told["bound"] == "127.0.0.1":
        assert addresses == {f"127.0.0.1:{told['port']}"}
    else:  # the one that the node goes by
        assert {address.rpartition(":")[2] for address in addresses} == {str(told["port"])}
        assert not any(address.startswith("0.0.0.0") for address in addresses)


def test_where_no_message_begins_there_is_none(told: dict[str, Any]) -> None:
    assert told["strange"] == [None] * len(told["strange"])


def test_they_are_still_there_when_the_stack_has_ended(told: dict[str, Any]) -> None:
    assert told["closed"] == told["late"]
