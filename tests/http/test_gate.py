# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Rates of the handoff API: of a project, and of addresses that have no key."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent.core.model.project import ProjectLimits
from agent.http.errors import RefusalError
from agent.http.gate import Gate
from tests.clock import Clock

HANDOFFS = "/v1/acme/acme-care/handoffs"
STATE = "/v1/acme/acme-care/handoff_state?id=none"
KEY = {"x-api-key": "care-key"}
SALES = {"x-api-key": "sales-key"}
GUESSES = 200


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limit(desk: Any, per_second: int) -> None:
    limits = ProjectLimits(requests_per_second=per_second)
    changed = desk.projects["acme-care"].model_copy(update={"limits": limits})
    desk.projects = {**desk.projects, "acme-care": changed}


async def test_a_project_may_send_twice_its_rate_at_once_and_then_its_rate(
    listen: Any, desk: Any, clock: Clock
) -> None:
    limit(desk, 2)
    api = await listen(clock=clock)
    assert [(await api("GET", STATE, headers=KEY))[0] for _ in range(6)] == [404] * 4 + [429] * 2
    status, answer, headers = await api("GET", STATE, headers=KEY)
    assert (status, headers["Retry-After"], set(answer)) == (429, "1", {"error_message"})
    clock.now += 1.0
    assert [(await api("GET", STATE, headers=KEY))[0] for _ in range(3)] == [404, 404, 429]


async def test_one_project_s_haste_is_not_another_s(listen: Any, desk: Any, clock: Clock) -> None:
    limit(desk, 1)
    api = await listen(clock=clock)
    assert [(await api("GET", STATE, headers=KEY))[0] for _ in range(3)] == [404, 404, 429]
    assert (await api("GET", STATE.replace("care", "sales"), headers=SALES))[0] == 404


async def test_a_reload_s_new_rate_holds_at_once(listen: Any, desk: Any, clock: Clock) -> None:
    limit(desk, 1)
    api = await listen(clock=clock)
    assert [(await api("GET", STATE, headers=KEY))[0] for _ in range(3)] == [404, 404, 429]
    limit(desk, 5)
    assert (await api("GET", STATE, headers=KEY))[0] == 404


async def test_what_comes_too_fast_is_refused_before_its_body_is_there(
    listen: Any, desk: Any, clock: Clock
) -> None:
    limit(desk, 1)
    api = await listen(clock=clock)
    for _ in range(2):
        await api("GET", STATE, headers=KEY)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = f"POST {HANDOFFS} HTTP/1.1\r\nHost: edge\r\nx-api-key: care-key\r\nContent-Length: 1000\r\n\r\n"
    writer.write(head.encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 429 ")
    writer.close()
    assert desk.asked == []


async def test_keys_are_not_guessed_fast_and_a_right_guess_is_not_told_from_a_wrong_one(
    listen: Any, clock: Clock
) -> None:
    api = await listen(clock=clock)
    for guess in range(GUESSES):
        assert (await api("GET", STATE, headers={"x-api-key": f"guess-{guess}"}))[0] == 401
    wrong = await api("GET", STATE, headers={"x-api-key": "guess"})
    right = await api("GET", STATE, headers=KEY)
    assert (wrong[0], right[0], wrong[1]) == (429, 429, right[1])
    assert wrong[2]["Retry-After"] == "1"
    clock.now += 1.0
    assert (await api("GET", STATE, headers=KEY))[0] == 404


async def test_who_has_shown_a_good_key_is_not_shut_out_by_a_neighbour_s_guesses(
    listen: Any, clock: Clock
) -> None:
    api = await listen(clock=clock)
    assert (await api("GET", STATE, headers=KEY))[0] == 404
    for _ in range(GUESSES):
        await api("GET", STATE)
    assert (await api("GET", STATE))[0] == 429
    assert (await api("GET", STATE, headers=KEY))[0] == 404
    assert (await api("GET", STATE, headers=SALES))[0] == 429


async def test_another_project_s_key_counts_as_a_guess_too(listen: Any, clock: Clock) -> None:
    api = await listen(clock=clock)
    asked = [(await api("GET", STATE, headers=SALES))[0] for _ in range(GUESSES + 1)]
    assert asked == [403] * GUESSES + [429]


def guesses(gate: Gate, address: str, count: int = 1) -> int:
    """The status of the last of so many guesses of an address."""
    status = 0
    for _ in range(count):
        with pytest.raises(RefusalError) as caught:
            gate.admit(address, "wrong", "acme", "acme-care")
        status = caught.value.status
    return status


async def test_each_address_has_guesses_of_its_own_and_a_network_of_ipv6_shares_them(
    desk: Any, clock: Clock
) -> None:
    gate = Gate(desk, clock)
    assert guesses(gate, "192.0.2.1", GUESSES + 1) == 429
    assert guesses(gate, "192.0.2.2") == 401
    assert guesses(gate, "::ffff:192.0.2.1") == 429
    assert guesses(gate, "2001:db8::1", GUESSES) == 401
    assert guesses(gate, "2001:db8::ffff:2") == 429
    assert guesses(gate, "2001:db8:0:1::1") == 401
    assert guesses(gate, "") == 401


async def test_what_is_remembered_of_addresses_is_bounded(desk: Any, clock: Clock) -> None:
    gate = Gate(desk, clock)
    for number in range(5000):
        address = f"10.0.{number // 256}.{number % 256}"
        guesses(gate, address)
        gate.admit(address, "care-key", "acme", "acme-care")
    assert len(gate._guesses._left) == 4096
    assert len(gate._guesses._shown) == 4096
