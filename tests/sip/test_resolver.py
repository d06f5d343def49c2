# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of voice agents are looked up on the loop, before pjsip sees them."""

from __future__ import annotations

import pytest

from agent.core.errors import NamesError, SipError
from agent.core.uris import sip_uri
from agent.names.names import Names
from agent.sip.resolver import Resolver
from tests.harness.names import Told

NAME = "sip:bot@bot.example"


@pytest.fixture
async def told() -> Told:
    told = Told()
    told.addresses_of["bot.example"] = ("10.0.0.5", "10.9.9.9")
    return told


async def resolved(told: Told, uri: str = NAME) -> str:
    return await Resolver(Names(source=told)).resolve(sip_uri(uri))


@pytest.mark.parametrize("uri", ["sip:bot@10.0.0.7:5070", "sip:bot@[2001:db8::1]:5070;transport=tcp"])
async def test_an_address_is_left_as_it_is_and_nobody_is_asked(told: Told, uri: str) -> None:
    assert await resolved(told, uri) == uri
    assert told.asked == []


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("sip:bot@bot.example", "sip:bot@10.0.0.5:5060;transport=udp"),
        ("sip:bot.example", "sip:10.0.0.5:5060;transport=udp"),
        ("sip:bot@bot.example:5070", "sip:bot@10.0.0.5:5070;transport=udp"),
        ("sip:bot@bot.example;transport=tcp", "sip:bot@10.0.0.5:5060;transport=tcp"),
        ("sip:bot@bot.example;transport=tls", "sip:bot@10.0.0.5:5061;transport=tls"),
    ],
)
async def test_a_name_becomes_its_first_address_with_the_port_of_its_transport(
    told: Told, uri: str, found: str
) -> None:
    assert await resolved(told, uri) == found


async def test_an_ipv6_address_stands_in_brackets(told: Told) -> None:
    told.addresses_of["bot.example"] = ("2001:db8::5",)
    assert await resolved(told) == "sip:bot@[2001:db8::5]:5060;transport=udp"


async def test_a_name_without_an_address_is_an_error_that_says_why(told: Told) -> None:
    told.failure = NamesError("bot.example can't be looked up: no name server answers")
    with pytest.raises(SipError, match=r"^bot\.example can't be looked up: no name server answers$"):
        await resolved(told)
