# SPDX-License-Identifier: GPL-3.0-or-later
"""A start that can't be: one line that says what is wrong, exit code 2, nothing left behind."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House
from tests.calls.harness.plan import Plan

pytestmark = pytest.mark.calls
TAKEN = "another process has this port; ss -lntup tells which"


def _start_fails(house: House) -> list[str]:
    """Start the agent; gives what it said that is no line of its log."""
    with pytest.raises(AssertionError, match="ended with 2"):
        house.start()
    lines = house.agent.log.read_text().splitlines()
    return [line for line in lines if not line.startswith("{")]


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["udp", "tcp"])
def test_a_sip_port_that_is_taken(cxone: Cxone, tmp_path: Path, kind: socket.SocketKind) -> None:
    plan = Plan(cxone.port)
    transport = "udp" if kind is socket.SOCK_DGRAM else "tcp"
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", plan.sip))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        said = _start_fails(House(plan, cxone, tmp_path))
    expected = f"handoff-agent: can't listen on {transport}://127.0.0.1:{plan.sip}: Address already in use: "
    assert said == [expected + TAKEN]


def test_an_http_port_that_is_taken(cxone: Cxone, tmp_path: Path) -> None:
    plan = Plan(cxone.port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", plan.api))
        taken.listen()
        said = _start_fails(House(plan, cxone, tmp_path))
    assert len(said) == 1
    assert said[0].startswith(f"handoff-agent: HTTP can't listen on 127.0.0.1:{plan.api}: ")
    assert said[0].endswith(TAKEN)
