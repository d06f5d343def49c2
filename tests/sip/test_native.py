# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in our URIs."""

from __future__ import annotations

import pytest

from agent.core.model import Agent
from agent.sip import native
from agent.sip.resolver import Hop


def node(**sip: object) -> Agent:
    return Agent.model_validate({"node": "edge-1", "sip": sip, "storage": "sqlite:///tmp/agent.db"})


@pytest.mark.parametrize(
    ("listen", "hop", "ours"),
    [
        ("udp://0.0.0.0:5060", Hop("udp", "127.0.0.1", 5070), "127.0.0.1"),
        ("udp://0.0.0.0:5060", Hop("tcp", "127.0.0.1", 5060), "127.0.0.1"),
        ("udp://127.0.0.2:5060", Hop("udp", "127.0.0.1", 5060), "127.0.0.2"),
        ("udp://0.0.0.0:5060", Hop("udp", "bot.example", 5060), "0.0.0.0"),  # no name is looked up
    ],
)
def test_a_peer_reads_an_address_that_is_ours(listen: str, hop: Hop, ours: str) -> None:
    assert native.host_towards(node(listen=[listen]), hop) == ours


def test_a_public_address_is_ours_to_everybody() -> None:
    settings = node(listen=["udp://0.0.0.0:5060"], public_address="203.0.113.10")
    assert native.host_towards(settings, Hop("udp", "127.0.0.1", 5060)) == "203.0.113.10"
