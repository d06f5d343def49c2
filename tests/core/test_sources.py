# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a call comes from, behind a proxy of ours and without one."""

from __future__ import annotations

import pytest

from agent.core.headers import Message, parse
from agent.core.sources import HEADER, is_proxy, true_source
from agent.core.units import network

PROXIES = (network("10.0.0.0/30"), network("2001:db8::5"))
PROXY = "10.0.0.1"


def invite(*sources: str) -> Message:
    lines = ["INVITE sip:1@edge SIP/2.0", *(f"{HEADER}: {source}" for source in sources)]
    return parse("\r\n".join(lines) + "\r\n\r\n")


@pytest.mark.parametrize("proxy", [PROXY, "2001:db8::5", "::ffff:10.0.0.2"])
@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("2001:db8:0::9", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ],
)
def test_a_trusted_proxy_says_where_a_call_comes_from(proxy: str, written: str, source: str) -> None:
    assert true_source(proxy, invite(written), PROXIES) == source


@pytest.mark.parametrize("sender", ["192.0.2.66", "10.0.0.4", "2001:db8::6"])
def test_nobody_else_is_believed(sender: str) -> None:
    assert not is_proxy(sender, PROXIES)
    assert true_source(sender, invite("192.0.2.7"), PROXIES) == sender


def test_without_proxies_nobody_is_believed() -> None:
    assert true_source(PROXY, invite("192.0.2.7"), ()) == PROXY


@pytest.mark.parametrize(
    "sources",
    [
        (),
        ("192.0.2.7", "192.0.2.8"),
        ("edge.example",),
        ("",),
        ("192.0.2.7:5060",),
        ("192.0.2.7, 192.0.2.8",),
    ],
)
def test_a_proxy_that_does_not_name_one_address_stands_for_itself(sources: tuple[str, ...]) -> None:
    assert true_source(PROXY, invite(*sources), PROXIES) == PROXY
