# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Signals on the operations listener: found, told without values, retried and discarded."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, CallRecord, Channel, Signal

_VALUE = "what the caller said"


async def record(
    desk: Any, state: SignalState, *, moment: Moment = Moment.HANDOFF, call_id: str = "c-1"
) -> str:
    """A signal of a call that stands in a state, after one attempt if it was sent."""
    now = time.time()
    call = CallRecord(call_id, "edge-1", "nice", "acme", "acme-care", "99", "4512", "", "sip-1", "ended", now)
    if await desk.states.call(call_id) is None:
        await desk.states.open_call(call, None)
    signal_id = f"s-{call_id}-{moment}"
    ids = (signal_id, call_id, "acme", "acme-care", "4512")
    await desk.states.record_signal(Signal(*ids, moment, {"p1": "CARE", "p2": _VALUE}, now, now + 120))
    if state is not SignalState.RECORDED:
        attempt = Attempt(now, now + 0.1, state.value, 202 if state is SignalState.ACCEPTED else 403, "said")
        await desk.states.update_signal(signal_id, state, attempt)
    return signal_id


async def test_signals_are_found_by_what_is_known_of_them(operations: Any, desk: Any) -> None:
    refused = await record(desk, SignalState.REFUSED)
    arrival = await record(desk, SignalState.ACCEPTED, moment=Moment.ARRIVAL)
    other = await record(desk, SignalState.RECORDED, call_id="c-2")

    async def found(query: str) -> list[str]:
        status, answer, _ = await operations("GET", f"/signals?{query}")
        assert status == 200
        return [one["signal_id"] for one in answer["signals"]]

    assert await found("") == [other, arrival, refused]
    assert await found("contact=4512") == [other, arrival, refused]
    assert await found("contact=4513") == []
    assert await found("call=c-1&moment=handoff") == [refused]
    assert await found("state=refused&project=acme-care") == [refused]
    assert await found("state=recorded") == [other]
    assert await found(f"since={time.time() + 60}") == []
    assert await found("limit=1") == [other]


async def test_webhooks_are_told_only_to_those_who_ask_for_them(operations: Any, desk: Any) -> None:
    signal = await record(desk, SignalState.REFUSED)
    ids = ("w-1", "c-1", "acme", "acme-care", "4512")
    body = {"body": f'{{"reason": "{_VALUE}"}}'}
    hook = Signal(*ids, Moment.HANDOFF, body, time.time(), time.time() + 60, channel=Channel.WEBHOOK)
    await desk.states.record_signal(hook)

    async def found(query: str) -> list[tuple[str, str]]:
        status, answer, _ = await operations("GET", f"/signals?{query}")
        assert status == 200
        assert _VALUE not in json.dumps(answer)
        return [(one["signal_id"], one["channel"]) for one in answer["signals"]]

    assert await found("call=c-1") == await found("channel=signal") == [(signal, "signal")]
    assert await found("channel=webhook") == [("w-1", "webhook")]
    assert await found("channel=transcript") == []
    assert len(await found("call=c-1&channel=all")) == 2


@pytest.mark.parametrize(
    "query", ["channel=post", "state=lost", "moment=never", "since=monday", "limit=many", "contcat=4512"]
)
async def test_a_filter_that_can_t_be_used_is_named(operations: Any, query: str) -> None:
    status, answer, _ = await operations("GET", f"/signals?{query}")
    assert status == 422
    assert query.partition("=")[0] in answer["error_message"]


async def test_a_signal_is_told_with_lengths_and_never_with_values(operations: Any, desk: Any) -> None:
    signal_id = await record(desk, SignalState.REFUSED)
    status, answer, _ = await operations("GET", f"/signals/{signal_id}")
    assert status == 200
    assert answer["parameters"] == {"p1": {"length": 4}, "p2": {"length": len(_VALUE)}}
    assert [attempt["status"] for attempt in answer["attempts"]] == [403]
    assert _VALUE not in json.dumps((await operations("GET", "/signals"))[1])
    assert (await operations("GET", "/signals/none"))[0] == 404


async def test_a_refused_signal_goes_out_again_and_who_said_so_is_on_record(
    operations: Any, desk: Any
) -> None:
    signal_id = await record(desk, SignalState.REFUSED)
    status, answer, _ = await operations("POST", f"/signals/{signal_id}/retry", json={"by": "ana@edge-1"})
    assert (status, answer["state"]) == (202, "recorded")
    assert [signal.signal_id for signal in desk.begun] == [signal_id]
    stored = await desk.states.signal(signal_id)
    assert stored.expires > time.time() + 100
    assert [(one.outcome, one.detail) for one in stored.attempts] == [
        ("refused", "said"),
        ("retried_by_operator", "by ana@edge-1"),
    ]


@pytest.mark.parametrize("state", [SignalState.ACCEPTED, SignalState.RECORDED, SignalState.SENDING])
async def test_what_nice_has_or_will_have_is_never_retried(
    operations: Any, desk: Any, state: SignalState
) -> None:
    signal_id = await record(desk, state)
    url = f"/signals/{signal_id}/retry"
    status, answer, _ = await operations("POST", url, json={"by": "ana", "confirmed": True})
    assert (status, answer["refusal"], desk.begun) == (409, "conflict", [])
    assert (await desk.states.signal(signal_id)).state is state


async def test_an_unknown_signal_is_retried_only_by_who_accepts_the_danger(
    operations: Any, desk: Any
) -> None:
    url = f"/signals/{await record(desk, SignalState.UNKNOWN)}/retry"
    status, answer, _ = await operations("POST", url, json={"by": "ana"})
    assert (status, answer["refusal"]) == (409, "unconfirmed")
    assert "restarts the script" in answer["error_message"]
    assert (await operations("POST", url, json={"by": "ana", "confirmed": "yes"}))[0] == 409
    assert (await operations("POST", url, json={"by": "ana", "confirmed": True}))[0] == 202
    assert (await operations("POST", url, json={"by": "ana", "confirmed": True}))[0] == 409
    assert len(desk.begun) == 1


async def test_an_arrival_after_the_terminal_signal_is_a_danger_too(operations: Any, desk: Any) -> None:
    arrival = await record(desk, SignalState.EXPIRED, moment=Moment.ARRIVAL)
    await record(desk, SignalState.ACCEPTED)
    status, answer, _ = await operations("POST", f"/signals/{arrival}/retry")
    assert (status, answer["refusal"]) == (409, "unconfirmed")
    assert "an arrival after it" in answer["error_message"]


async def test_a_signal_that_waits_is_discarded_once(operations: Any, desk: Any) -> None:
    url = f"/signals/{await record(desk, SignalState.RECORDED)}/discard"
    status, answer, _ = await operations("POST", url, json={"by": "ana\n\x1b[2J"})
    assert (status, answer["state"]) == (200, "cancelled")
    assert answer["attempts"][-1]["detail"] == "by ana[2J"
    assert (await operations("POST", url))[0] == 409
    assert (await operations("POST", "/signals/none/discard"))[0] == 404


@pytest.mark.parametrize("body", ["[]", "{", '"ana"'])
async def test_a_body_that_makes_no_sense_changes_nothing(operations: Any, desk: Any, body: str) -> None:
    signal_id = await record(desk, SignalState.REFUSED)
    assert (await operations("POST", f"/signals/{signal_id}/retry", data=body))[0] == 422
    assert (await desk.states.signal(signal_id)).state is SignalState.REFUSED


async def test_a_page_of_another_site_can_t_send_a_signal(operations: Any, desk: Any) -> None:
    url = f"/signals/{await record(desk, SignalState.REFUSED)}/retry"
    assert (await operations("POST", url, headers={"Origin": "http://evil.example"}))[0] == 403
    assert desk.begun == []
