# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a test call listens: never among the ports that its audio may take."""

from __future__ import annotations

import pytest

from agent.core.errors import AgentError
from agent.simulators.synthetic import _listening, _settings

NODE = {"listen": ["udp://127.0.0.1:5060", "tcp://127.0.0.1:5060"], "public_address": None, "tls": None}


@pytest.mark.parametrize("ports", ["20000-64999", "10000-60999"])
def test_it_listens_outside_of_the_ports_for_audio(ports: str) -> None:
    node = {**NODE, "media": {"rtp_ports": ports}}
    low, high = map(int, ports.split("-"))
    listening = _listening(node)
    assert [one.transport for one in listening] == ["udp", "tcp"]
    assert not [one for one in listening if low <= one.port <= high]
    assert _settings(node, listening).sip.listen == listening


def test_one_that_has_no_port_left_says_why() -> None:
    with pytest.raises(AgentError, match=r"no port is free on 127\.0\.0\.1: media\.rtp_ports takes all"):
        _listening({**NODE, "media": {"rtp_ports": "10000-64999"}})
