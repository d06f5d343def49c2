# SPDX-License-Identifier: GPL-3.0-or-later
"""How durations, ports, addresses and SIP URIs are read, and how wrong ones are explained."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import units
from agent.core.frozen import FrozenDict
from agent.core.uris import sip_uri


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("500ms", 0.5),
        ("2m", 120),
        ("4h", 14400),
        ("1h30m", 5400),
        ("1d", 86400),
        (30, 30),
        (0.5, 0.5),
        ("0s", 0),
    ],
)
def test_a_duration_is_seconds(text: object, seconds: float) -> None:
    assert units.seconds(text) == seconds


@pytest.mark.parametrize(
    "value", ["30", "", "s", "-1s", -1, True, None, "3 weeks", float("nan"), float("inf"), "367d", []]
)
def test_what_is_no_duration_is_explained(value: object) -> None:
    with pytest.raises(ValueError, match=r"is not a duration: write|is out of range: a duration"):
        units.seconds(value)


def test_a_port_range_is_read() -> None:
    ports = units.port_range("20000-27999")
    assert (ports.low, ports.high, ports.count, str(ports)) == (20000, 27999, 8000, "20000-27999")


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("x", "is not a port range"),
        (5, "is not a port range"),
        ("3000-2000", "write 2000-3000"),
        ("80-90", "usable"),
        ("60000-70000", "usable"),
    ],
)
def test_a_port_range_that_can_not_be_is_explained(value: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        units.port_range(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("udp://0.0.0.0:5060", units.Listen("udp", "0.0.0.0", 5060)),
        ("tcp://127.0.0.1", units.Listen("tcp", "127.0.0.1", 5060)),
        ("tls://[::1]", units.Listen("tls", "::1", 5061)),
        ("tls://[::]:5071", units.Listen("tls", "::", 5071)),
    ],
)
def test_a_sip_listener_is_read_and_written_back(text: str, expected: units.Listen) -> None:
    assert units.listen(text) == expected
    assert units.listen(str(expected)) == expected


@pytest.mark.parametrize(
    "value",
    [
        "5060",
        "sctp://0.0.0.0",
        "udp://edge.example.org:5060",
        "udp://::1",
        "udp://0.0.0.0:0",
        "udp://0.0.0.0:70000",
        "udp://[::1",
        7,
    ],
)
def test_a_sip_listener_that_can_not_be_is_explained(value: object) -> None:
    with pytest.raises(ValueError, match=r"write|put it in brackets|neither an IP|is not an IP address"):
        units.listen(value)


def test_an_http_address_needs_its_port() -> None:
    assert units.address("localhost:8080") == units.Address("localhost", 8080)
    assert str(units.address("[::1]:8080")) == "[::1]:8080"
    with pytest.raises(ValueError, match="has no port: write localhost:8080"):
        units.address("localhost")


def test_a_network_with_bits_beyond_its_mask_is_corrected() -> None:
    assert str(units.network("192.0.2.7")) == "192.0.2.7/32"
    with pytest.raises(ValueError, match=r"write 192\.0\.2\.0/24 or 192\.0\.2\.7/32"):
        units.network("192.0.2.7/24")
    with pytest.raises(ValueError, match="is not a network"):
        units.network("192.0.2.300")


@pytest.mark.parametrize(
    ("text", "host", "port", "transport"),
    [
        ("sip:bot@10.0.0.5:5070", "10.0.0.5", 5070, "udp"),
        ("sip:bot@10.0.0.6;transport=tcp", "10.0.0.6", None, "tcp"),
        ("SIP:agent.example.org;lr;transport=TLS", "agent.example.org", None, "tls"),
        ("sip:+1999@[2001:db8::1]:5060", "2001:db8::1", 5060, "udp"),
    ],
)
def test_a_sip_uri_is_taken_apart(text: str, host: str, port: int | None, transport: str) -> None:
    uri = sip_uri(text)
    assert (uri.host, uri.port, uri.transport) == (host, port, transport)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("10.0.0.5:5070", "is not a SIP URI: write sip:user@host:port"),
        ("sips:bot@10.0.0.5", "write sip:…;transport=tls"),
        ("sip:bot@", "has no host"),
        ("sip:", "has no host"),
        ("sip:@10.0.0.5", "no usable user part"),
        ("sip:bot@10.0.0.500", "neither an IP address nor a host name"),
        ("sip:bot@10.0.0.5;transport=sctp", "write udp, tcp or tls"),
        ("sip:bot@10.0.0.5:port", "is not a port"),
        ("sip:bot@10.0.0.5?X=1", "headers after"),
        ("sip:bot@10.0.0.5;a b", "is not a URI parameter"),
        ("sip:b\r\not@10.0.0.5", "no usable user part"),
    ],
)
def test_a_sip_uri_that_can_not_be_dialled_is_explained(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        sip_uri(text)


@given(st.text(max_size=30))
def test_no_text_breaks_a_parser_other_than_by_value_error(text: str) -> None:
    for parser in (units.seconds, units.port_range, units.listen, units.address, units.network, sip_uri):
        try:
            parser(text)
        except ValueError as error:
            assert "\n" not in str(error) or "\n" in text  # noqa: PT017 - any parser may refuse, none must


def test_a_frozen_dict_can_not_be_changed() -> None:
    frozen = FrozenDict({"a": 1})
    changes: list[Callable[[], object]] = [
        lambda: frozen.__setitem__("b", 2),
        lambda: frozen.__delitem__("a"),
        lambda: frozen.update(b=2),
        frozen.clear,
        frozen.popitem,
        lambda: frozen.setdefault("b", 2),
        lambda: frozen.__ior__({"b": 2}),
    ]
    for change in changes:
        with pytest.raises(TypeError, match="frozen"):
            change()
    assert frozen == {"a": 1}
