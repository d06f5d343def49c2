# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a target is (RFC 3263): SRV, addresses of a family that is listened on, the silent ones last."""

from __future__ import annotations

import pytest

from agent.core.errors import NamesError, SipError
from agent.core.units import listen
from agent.core.uris import sip_uri
from agent.names.found import Service
from agent.names.names import Names
from agent.sip.resolver import Hop, Resolver
from tests.harness.names import Told

EVERYWHERE = ("udp://0.0.0.0:5060", "tcp://0.0.0.0:5060", "tls://0.0.0.0:5061", "udp://[::]:5060")


class World:
    """What name servers say, chance, and the clock."""

    def __init__(self, *listeners: str) -> None:
        self.told = Told()
        self.told.addresses_of["bot.example"] = ("10.0.0.5", "10.0.0.6", "2001:db8::5")
        self.chance = 0.0
        self.now = 1000.0
        self.resolver = Resolver(
            Names(source=self.told),
            [listen(one) for one in listeners or EVERYWHERE],
            chance=lambda: self.chance,
            clock=lambda: self.now,
        )

    async def located(self, uri: str) -> list[str]:
        """Its addresses."""
        return [str(hop) for hop in await self.resolver.locate(sip_uri(uri))]


@pytest.fixture
async def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("uri", "hops"),
    [
        ("sip:bot@10.0.0.7:5070", ["udp 10.0.0.7:5070"]),
        ("sip:bot@10.0.0.7;transport=tls", ["tls 10.0.0.7:5061"]),
        ("sip:bot@[2001:db8::1]", ["udp [2001:db8::1]:5060"]),
    ],
)
async def test_an_address_is_where_it_says_and_nobody_is_asked(
    world: World, uri: str, hops: list[str]
) -> None:
    assert await world.located(uri) == hops
    assert world.told.asked == []


@pytest.mark.parametrize(
    ("uri", "hops"),
    [
        ("sip:bot@bot.example:5070;transport=tcp", ["tcp 10.0.0.5:5070", "tcp 10.0.0.6:5070"]),
        ("sip:bot@bot.example;transport=tcp", ["tcp 10.0.0.5:5060", "tcp 10.0.0.6:5060"]),
        ("sip:bot@bot.example;transport=tls;tenant=x", ["tls 10.0.0.5:5061", "tls 10.0.0.6:5061"]),
        (
            "sip:bot.example:5080",
            ["udp 10.0.0.5:5080", "udp 10.0.0.6:5080", "udp [2001:db8::5]:5080"],
        ),
    ],
)
async def test_a_name_has_its_addresses_with_the_port_of_its_transport(
    world: World, uri: str, hops: list[str]
) -> None:
    assert sorted(await world.located(uri)) == sorted(hops)


async def test_only_addresses_of_a_family_that_is_listened_on_are_called() -> None:
    assert await World("udp://[::]:5060").located("sip:bot@bot.example:5070") == ["udp [2001:db8::5]:5070"]
    only_v4 = World("udp://10.1.1.1:5060")
    assert await only_v4.located("sip:bot@bot.example:5070") == ["udp 10.0.0.5:5070", "udp 10.0.0.6:5070"]
    with pytest.raises(SipError, match=r"^2001:db8::5 is no IPv4 address$"):
        await only_v4.located("sip:bot@[2001:db8::5]")


async def test_a_transport_that_is_not_listened_on_is_an_error_that_says_so() -> None:
    with pytest.raises(SipError, match=r"^there is no tls listener to call from: add one to sip\.listen$"):
        await World("udp://0.0.0.0:5060").located("sip:bot@bot.example;transport=tls")


@pytest.mark.parametrize(
    ("parameter", "name", "port"), [("", "_sip._udp", 0), ("tcp", "_sip._tcp", 0), ("tls", "_sips._tcp", 0)]
)
async def test_without_a_port_the_srv_records_of_the_transport_count(
    parameter: str, name: str, port: int
) -> None:
    world = World(*(one for one in EVERYWHERE if "[" not in one))
    world.told.addresses_of |= {"a.example": ("10.0.1.1", "10.0.1.2"), "b.example": ("10.0.2.1",)}
    world.told.services_of[f"{name}.bot.example"] = (
        Service(20, 0, "b.example", 5072),
        Service(10, 0, "a.example", 5071),
    )
    transport = parameter or "udp"
    uri = f"sip:bot@bot.example;transport={transport}" if parameter else "sip:bot@bot.example"
    addresses = ("10.0.1.1:5071", "10.0.1.2:5071", "10.0.2.1:5072")
    assert await world.located(uri) == [f"{transport} {one}" for one in addresses]
    assert await world.located(uri.replace("bot.example", f"bot.example:{port or 5099}")) == [
        f"{transport} 10.0.0.5:5099",
        f"{transport} 10.0.0.6:5099",
    ]


@pytest.mark.parametrize(("chance", "first"), [(0.0, "b"), (0.24, "b"), (0.26, "a"), (0.99, "a")])
async def test_services_of_one_priority_are_drawn_by_weight(world: World, chance: float, first: str) -> None:
    world.chance = chance
    world.told.addresses_of |= {"a.example": ("10.0.1.1",), "b.example": ("10.0.2.1",)}
    world.told.services_of["_sip._udp.bot.example"] = (
        Service(10, 3, "a.example", 5071),
        Service(10, 1, "b.example", 5071),
    )
    address = {"a": "udp 10.0.1.1:5071", "b": "udp 10.0.2.1:5071"}
    found = await world.located("sip:bot@bot.example")
    assert found[0] == address[first]
    assert set(found) == set(address.values())


async def test_a_service_that_is_gone_is_passed_over(world: World) -> None:
    world.told.addresses_of["b.example"] = ("10.0.2.1",)
    world.told.services_of["_sip._udp.bot.example"] = (
        Service(1, 0, "gone.example", 5071),
        Service(2, 0, "b.example", 5072),
    )
    assert await world.located("sip:bot@bot.example") == ["udp 10.0.2.1:5072"]


async def test_a_domain_that_takes_no_calls_says_so(world: World) -> None:
    world.told.services_of["_sip._udp.bot.example"] = (Service(0, 0, "", 0),)
    with pytest.raises(SipError, match="takes no calls over udp"):
        await world.located("sip:bot@bot.example")


async def test_what_this_machine_knows_by_itself_has_no_srv_records(world: World) -> None:
    world.told.addresses_of["localhost"] = ("127.0.0.1",)
    assert await world.located("sip:bot@localhost") == ["udp 127.0.0.1:5060"]
    assert not any("_sip" in name for name in world.told.asked)


async def test_where_nobody_was_heard_comes_last_for_a_while() -> None:
    world = World("udp://0.0.0.0:5060")
    uri, first, second = "sip:bot@bot.example:5070", "udp 10.0.0.5:5070", "udp 10.0.0.6:5070"
    world.resolver.silent(Hop("udp", "10.0.0.5", 5070))
    assert await world.located(uri) == [second, first]
    world.resolver.silent(Hop("udp", "10.0.0.6", 5070))
    assert await world.located(uri) == [first, second]
    world.resolver.silent(Hop("udp", "10.0.0.5", 5070))
    world.now += 31
    world.resolver.silent(Hop("udp", "10.9.9.9", 5070))
    assert await world.located(uri) == [first, second]


async def test_there_is_a_most_of_addresses(world: World) -> None:
    world.told.addresses_of["many.example"] = tuple(f"10.0.3.{number}" for number in range(1, 40))
    assert len(await world.located("sip:many.example:5060")) == 8


async def test_a_name_without_an_address_is_an_error_that_says_why(world: World) -> None:
    world.told.failure = NamesError("bot.example can't be looked up: no name server answers")
    with pytest.raises(SipError, match=r"^bot\.example can't be looked up: no name server answers$"):
        await world.located("sip:bot@bot.example")
