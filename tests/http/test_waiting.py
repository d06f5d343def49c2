# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Long polls: answered when there is something, ended by time, close and departure, and bounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agent.core.moments import Moment, SignalState
from agent.core.records import Handoff, Signal, Whereabouts
from agent.http import waiting
from tests.calls.harness.waiting import eventually

HANDOFFS = "/v1/acme/acme-care/handoffs"
STATE = "/v1/acme/acme-care/handoff_state"
KEY = {"x-api-key": "care-key"}
LONG = "wait=60"


async def record(desk: Any, handoff_id: str = "handoff-1", shared_id: str = "") -> None:
    """What a neighbour would do: record a handoff and ring no bell here."""
    ids = (f"call-{handoff_id}", "acme", "acme-care", "4711")
    now = time.time()
    signal = Signal(f"signal-{handoff_id}", *ids, Moment.HANDOFF, {"p1": "CARE"}, now, now + 120)
    assert await desk.states.record_handoff(Handoff(handoff_id, *ids, now, shared_id=shared_id), signal)


@pytest.fixture
def looks(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Awaitable[None]]:
    """Waits until the store has been asked so often for what requests wait for."""
    counted = asyncio.Condition()
    found = 0

    def watched(ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def asked(*args: Any, **kwargs: Any) -> Any:
            nonlocal found
            answer = await ask(*args, **kwargs)
            async with counted:
                found += 1
                counted.notify_all()
            return answer

        return asked

    monkeypatch.setattr(desk, "whereabouts", watched(desk.whereabouts))
    monkeypatch.setattr(desk.states, "handoff_by_key", watched(desk.states.handoff_by_key))

    async def at_least(count: int) -> None:
        async with asyncio.timeout(60), counted:
            await counted.wait_for(lambda: found >= count)

    return at_least


@pytest.mark.parametrize("key", ["id=4711", "shared_id=shared-1", "id=handoff-1", "id=call-1"])
async def test_a_screen_pop_that_opens_first_gets_its_answer_when_it_comes(
    api: Any, looks: Any, key: str
) -> None:
    popped = asyncio.create_task(api("GET", f"{STATE}?{key}&{LONG}", headers=KEY))
    await looks(1)
    body = {"call_id": "call-1", "data": {"name": "Zoë"}, "shared_id": "shared-1"}
    assert (await api("POST", HANDOFFS, json=body, headers=KEY))[0] == 202
    status, answer, _ = await asyncio.wait_for(popped, 60)
    assert (status, answer["data"]) == (200, {"name": "Zoë"})


async def test_what_is_there_is_answered_at_once(api: Any, desk: Any) -> None:
    await record(desk)
    status, answer, _ = await asyncio.wait_for(api("GET", f"{STATE}?id=4711&{LONG}", headers=KEY), 60)
    assert (status, answer["id"]) == (200, "handoff-1")


async def test_what_another_node_records_is_found_though_no_bell_rings(
    api: Any, desk: Any, looks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_LOOK_SECONDS", 0.02)
    popped = asyncio.create_task(api("GET", f"{STATE}?id=4711&{LONG}", headers=KEY))
    await looks(1)
    await record(desk)
    assert (await asyncio.wait_for(popped, 60))[0] == 200


async def test_when_the_time_is_over_the_answer_is_what_is_known(api: Any, looks: Any) -> None:
    status, _, _ = await asyncio.wait_for(api("GET", f"{STATE}?id=4711&wait=0.05", headers=KEY), 60)
    assert status == 404
    await looks(2)  # one at first, one at the end


async def test_a_handoff_is_followed_to_its_next_state_and_to_its_last(
    api: Any, desk: Any, looks: Any
) -> None:
    await record(desk)
    path = f"{HANDOFFS}/handoff-1?{LONG}"
    for seen, state in enumerate((SignalState.SENDING, SignalState.ACCEPTED)):
        followed = asyncio.create_task(api("GET", path, headers=KEY))
        await looks(1 + seen * 2)
        await desk.states.update_signal("signal-handoff-1", state, None)
        desk.bell.ring("call-handoff-1")
        assert (await asyncio.wait_for(followed, 60))[1]["state"] == state.value
    assert (await asyncio.wait_for(api("GET", path, headers=KEY), 60))[1]["state"] == "accepted"


async def test_a_caller_who_moves_is_news_too(api: Any, desk: Any, looks: Any) -> None:
    await record(desk)
    desk.live["call-handoff-1"] = {}
    followed = asyncio.create_task(api("GET", f"{HANDOFFS}/handoff-1?{LONG}", headers=KEY))
    await looks(1)
    desk.caller = Whereabouts.KEPT
    desk.bell.ring()
    assert (await asyncio.wait_for(followed, 60))[1]["caller"] == "kept"


async def test_a_ring_for_others_is_not_asked_about(api: Any, desk: Any, looks: Any) -> None:
    popped = asyncio.create_task(api("GET", f"{STATE}?id=4711&{LONG}", headers=KEY))
    await looks(1)
    heard = [event for event, ids in desk.bell._listening.items() if "4711" in ids]
    desk.bell.ring("4712", "call-9")
    assert [event.is_set() for event in heard] == [False]
    await record(desk)
    desk.bell.ring("4711")
    assert (await asyncio.wait_for(popped, 60))[0] == 200


async def test_a_client_that_goes_away_ends_its_wait(
    listen: Any, looks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_LOOK_SECONDS", 0.02)
    api = await listen(waits_at_most=1)
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(f"GET {STATE}?id=4711&{LONG} HTTP/1.1\r\nHost: e\r\nx-api-key: care-key\r\n\r\n".encode())
    await looks(1)
    assert (await api("GET", f"{STATE}?id=1&wait=0.01", headers=KEY))[0] == 429
    writer.close()

    async def served() -> bool:
        return bool((await api("GET", f"{STATE}?id=1&wait=0.01", headers=KEY))[0] != 429)

    await eventually(served, what="its place is free")


async def test_so_many_of_a_project_wait_and_no_more(listen: Any, looks: Any, desk: Any) -> None:
    api = await listen(waits_at_most=2)
    path = f"{STATE}?id=4711"
    held = [asyncio.create_task(api("GET", f"{path}&{LONG}", headers=KEY)) for _ in range(2)]
    await looks(2)
    status, answer, headers = await api("GET", f"{path}&{LONG}", headers=KEY)
    assert (status, set(answer), headers["Retry-After"]) == (429, {"error_message"}, "1")
    assert (await api("GET", path, headers=KEY))[0] == 404, "who does not wait is served"
    sales = path.replace("care", "sales") + "&wait=0.01"
    assert (await api("GET", sales, headers={"x-api-key": "sales-key"}))[0] == 404
    await record(desk)
    desk.bell.ring()
    assert [(await asyncio.wait_for(one, 60))[0] for one in held] == [200, 200]
    assert (await api("GET", f"{path}&{LONG}", headers=KEY))[0] == 200


async def test_a_listener_that_closes_ends_all_waits_with_what_is_known(
    listen: Any, desk: Any, looks: Any
) -> None:
    api = await listen()
    await record(desk)
    popped = asyncio.create_task(api("GET", f"{STATE}?id=none&{LONG}", headers=KEY))
    followed = asyncio.create_task(api("GET", f"{HANDOFFS}/handoff-1?{LONG}", headers=KEY))
    await looks(2)
    closing = asyncio.create_task(api.server.aclose())
    assert (await asyncio.wait_for(popped, 60))[0] == 404
    assert (await asyncio.wait_for(followed, 60))[1]["state"] == "recorded"
    await closing


@pytest.mark.parametrize("seconds", ["-1", "60.1", "nan", "Infinity", "1e3", "soon", "", "true", "1&wait=2"])
@pytest.mark.parametrize("path", [f"{STATE}?id=4711&", f"{HANDOFFS}/handoff-1?"])
async def test_a_wait_that_is_no_number_of_seconds_up_to_60_is_refused(
    api: Any, path: str, seconds: str
) -> None:
    status, answer, _ = await api("GET", f"{path}wait={seconds}", headers=KEY)
    assert (status, [one["field"] for one in answer["fields"]]) == (422, ["wait"])


@pytest.mark.parametrize(("query", "expected"), [("", None), ("?wait=0", 0.0), ("?wait=2.5", 2.5)])
async def test_how_long_a_voice_agent_will_wait_for_its_handoff_goes_to_the_desk(
    api: Any, desk: Any, query: str, expected: float | None
) -> None:
    await api("POST", HANDOFFS + query, json={"call_id": "call-1"}, headers=KEY)
    assert desk.waits == [expected]


async def test_a_handoff_whose_wait_makes_no_sense_is_not_begun(api: Any, desk: Any) -> None:
    answer = await api("POST", f"{HANDOFFS}?wait=long", json={"call_id": "call-1"}, headers=KEY)
    assert (answer[0], desk.asked) == (422, [])
