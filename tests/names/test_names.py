# SPDX-License-Identifier: GPL-3.0-or-later
"""Names are asked of a real name server over real sockets: by c-ares, on the loop."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from agent.core.errors import NamesError, NoSuchNameError
from agent.names.answers import LookUp
from agent.names.found import Service
from agent.names.hosts import Hosts, names_in
from agent.names.names import Names
from tests.harness.name_server import NameServer


async def test_a_name_has_the_addresses_that_the_name_server_tells(names: Names, server: NameServer) -> None:
    server.has("bot.example", "10.0.0.5", "10.0.0.6", "2001:db8::5")
    assert set(await names.addresses("bot.example", (4,))) == {"10.0.0.5", "10.0.0.6"}
    assert await names.addresses("bot.example", (6,)) == ("2001:db8::5",)
    assert set(await names.addresses("Bot.Example.")) == {"10.0.0.5", "10.0.0.6", "2001:db8::5"}
    assert server.asked == {("A", "bot.example"): 1, ("AAAA", "bot.example"): 1}


async def test_what_this_machine_can_reach_comes_first(names: Names, server: NameServer) -> None:
    server.has("bot.example", "127.0.0.1", "2001:db8::5")
    assert (await names.addresses("bot.example", (6, 4)))[0] == "127.0.0.1"


@pytest.mark.parametrize("address", ["10.0.0.7", "2001:db8::1"])
async def test_an_address_is_left_as_it_is_and_nobody_is_asked(
    names: Names, server: NameServer, address: str
) -> None:
    assert await names.addresses(address) == (address,)
    assert not server.asked


async def test_localhost_and_the_hosts_file_need_no_name_server(names: Names, server: NameServer) -> None:
    server.silent.add("*")
    assert await names.addresses("localhost", (4,)) == ("127.0.0.1",)
    assert names.at_home("localhost")
    assert names.at_home("bot.localhost")
    assert not names.at_home("bot.example")


async def test_a_name_that_is_not_there_is_an_error_that_says_so(names: Names, server: NameServer) -> None:
    server.has("mail.example", "10.0.0.1")
    for name, versions in (("bot.example", (4,)), ("mail.example", (6,))):
        with pytest.raises(NoSuchNameError, match=rf"^{name} can't be looked up: there is no such name$"):
            await names.addresses(name, versions)  # type: ignore[arg-type]


async def test_a_broken_name_server_is_an_error_that_says_so(names: Names, server: NameServer) -> None:
    server.broken = True
    with pytest.raises(NamesError, match=r"^bot\.example can't be looked up: the name server failed$"):
        await names.addresses("bot.example")


async def test_a_silent_name_server_is_an_error_after_a_while(
    names: Names, server: NameServer, told: list[LookUp]
) -> None:
    server.silent.add("*")
    with pytest.raises(NamesError, match=r"^bot\.example can't be looked up: no name server answers$"):
        await names.addresses("bot.example", (4,))
    assert told == [LookUp.FAILED]


async def test_who_answers_for_one_ip_version_only_holds_nobody_up(names: Names, server: NameServer) -> None:
    server.has("bot.example", "10.0.0.5")
    server.silent.add("AAAA")
    assert await names.addresses("bot.example") == ("10.0.0.5",)
    assert names._addresses[6].flights(), "the other look-up still waits"


async def test_services_are_told_with_their_order(names: Names, server: NameServer) -> None:
    server.has_services("_sip._tcp.example", (1, 2, 5070, "a.example"), (2, 0, 5071, "b.example"))
    assert set(await names.services("_sip._tcp.example")) == {
        Service(1, 2, "a.example", 5070),
        Service(2, 0, "b.example", 5071),
    }
    assert await names.services("_sip._udp.example") == ()


async def test_no_thread_is_started_for_a_look_up(names: Names, server: NameServer) -> None:
    server.has("bot.example", "10.0.0.5")
    before = set(threading.enumerate())
    await asyncio.gather(*(names.addresses("bot.example") for _ in range(100)))
    await asyncio.gather(*(names.addresses("nobody.example") for _ in range(9)), return_exceptions=True)
    assert set(threading.enumerate()) == before
    assert server.asked["A", "bot.example"] == 1


async def test_who_waits_when_the_agent_ends_is_told(server: NameServer) -> None:
    server.silent.add("*")
    names = Names([server.address])
    waiting = [asyncio.ensure_future(names.addresses(f"bot{number}.example")) for number in range(3)]
    await asyncio.sleep(0)
    await names.aclose()
    for one in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(one, NamesError)
    with pytest.raises(NamesError, match="the agent is stopping"):
        await names.addresses("other.example")


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".example", "ü.example", "bot example", "." * 300])
async def test_what_is_no_name_is_an_error_and_nothing_worse(names: Names, name: str) -> None:
    with pytest.raises(NamesError):
        await names.addresses(name, (4,))
    with suppress(NamesError):
        assert await names.services(name) == ()


def test_a_hosts_file_is_read_anew_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    hosts = Hosts(path)
    assert "bot.example" not in hosts
    path.write_text("10.0.0.5\tbot.example Bot # the old one\n# 10.0.0.6 other.example\n")
    assert "BOT.example." in hosts
    assert "bot" in hosts
    assert "other.example" not in hosts
    path.write_text("10.0.0.5 other.example\n")
    assert "bot.example" not in hosts
    assert "other.example" in hosts


def test_a_hosts_file_of_any_shape_is_read() -> None:
    assert names_in("\n#\n127.0.0.1\n::1 a b#c\n \t\n10.0.0.1 d.") == {"a", "b", "d"}
