# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of voice agents are looked up off the loop, remembered for a while, and an old answer beats none."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from agent.core.errors import SipError
from agent.core.uris import sip_uri
from agent.sip import resolver
from agent.sip.resolver import Resolver

NAME = "sip:bot@bot.example"


class Names:
    """Stands for the system's look-up, and for the clock that answers age by."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.addresses: dict[str, str] = {"bot.example": "10.0.0.5"}
        self.failure: OSError = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        self.asked: list[str] = []
        self.now = 1000.0
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self._look_up)
        monkeypatch.setattr(resolver, "time", SimpleNamespace(monotonic=lambda: self.now))

    async def _look_up(self, host: str, port: object, **_: object) -> list[Any]:
        self.asked.append(host)
        if host not in self.addresses:
            raise self.failure
        return [(None, None, None, "", (self.addresses[host], port)), (None, None, None, "", ("10.9.9.9", 0))]


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


async def resolved(by: Resolver, uri: str = NAME) -> str:
    return await by.resolve(sip_uri(uri))


@pytest.mark.parametrize("uri", ["sip:bot@10.0.0.7:5070", "sip:bot@[2001:db8::1]:5070;transport=tcp"])
async def test_an_address_is_left_as_it_is_and_nobody_is_asked(names: Names, uri: str) -> None:
    assert await resolved(Resolver(), uri) == uri
    assert names.asked == []


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
    names: Names, uri: str, found: str
) -> None:
    assert await resolved(Resolver(), uri) == found
    assert names.asked == ["bot.example"]


async def test_an_ipv6_address_stands_in_brackets(names: Names) -> None:
    names.addresses["bot.example"] = "2001:db8::5"
    assert await resolved(Resolver()) == "sip:bot@[2001:db8::5]:5060;transport=udp"


async def test_an_answer_is_remembered_for_half_a_minute(names: Names) -> None:
    one = Resolver()
    await resolved(one)
    names.addresses["bot.example"] = "10.0.0.6"
    names.now += 29.9
    assert "10.0.0.5" in await resolved(one)
    names.now += 0.2
    assert "10.0.0.6" in await resolved(one)
    assert len(names.asked) == 2


async def test_where_nobody_answers_any_more_the_old_answer_stays_in_use(names: Names) -> None:
    one = Resolver()
    await resolved(one)
    names.addresses.clear()
    names.now += 3600
    assert "10.0.0.5" in await resolved(one)
    assert "10.0.0.5" in await resolved(one)
    assert len(names.asked) == 3, "an old answer is used, not taken for a fresh one"
    names.addresses["bot.example"] = "10.0.0.8"
    assert "10.0.0.8" in await resolved(one)


async def test_each_resolver_and_each_name_is_remembered_by_itself(names: Names) -> None:
    names.addresses["other.example"] = "10.0.0.7"
    one = Resolver()
    assert "10.0.0.5" in await resolved(one)
    assert "10.0.0.7" in await resolved(one, "sip:bot@other.example")
    await resolved(Resolver())
    assert names.asked == ["bot.example", "other.example", "bot.example"]


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (OSError("no files left"), "no files left"),
    ],
)
async def test_a_name_without_an_address_is_an_error_that_says_why(
    names: Names, failure: OSError, text: str
) -> None:
    names.addresses.clear()
    names.failure = failure
    with pytest.raises(SipError, match=rf"^bot\.example can't be looked up: {text}$"):
        await resolved(Resolver())
