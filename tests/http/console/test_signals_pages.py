# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""The outbox as pages: found, read, sent again and withdrawn with a reason."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, CallRecord, Signal

VALUE = "what the caller said"


async def record(desk: Any, state: SignalState, number: int = 1, detail: str = "said") -> str:
    """A handoff signal of a call of its own, in this state."""
    now, call_id = time.time(), f"c-{number}"
    call = CallRecord(call_id, "edge-1", "nice", "acme", "acme-care", "99", "4512", "", "sip-1", "ended", now)
    await desk.states.open_call(call, None)
    signal_id, what = f"s-{number}", {"p1": "CARE", "p2": VALUE}
    ids = (signal_id, call_id, "acme", "acme-care", "4512")
    await desk.states.record_signal(Signal(*ids, Moment.HANDOFF, what, now, now + 120))
    if state is not SignalState.RECORDED:
        await desk.states.update_signal(signal_id, state, Attempt(now, now + 0.1, state.value, 403, detail))
    return signal_id


async def test_signals_are_found_by_what_is_known_of_them(console: Any, desk: Any) -> None:
    assert "There is none yet" in await console.page("/console/signals")
    one, other = await record(desk, SignalState.REFUSED), await record(desk, SignalState.RECORDED, 2)
    text = await console.page("/console/signals?contact=4512&state=&call=")
    assert f"/console/signals/{one}" in text
    assert f"/console/signals/{other}" in text
    assert VALUE not in text
    text = await console.page("/console/signals?state=refused")
    assert f"/console/signals/{other}" not in text
    assert '<option value="refused" selected>' in text
    text = await console.page("/console/signals?state=lost", 422)
    assert "state is not known: write one of" in text


async def test_a_long_outbox_is_cut_and_says_so(console: Any, desk: Any) -> None:
    for number in range(101):
        await record(desk, SignalState.ACCEPTED, number)
    text = await console.page("/console/signals")
    assert text.count("/console/signals/s-") == 100
    assert "The newest 100 are shown" in text


async def test_one_signal_is_told_without_its_values_where_nobody_logged_in(console: Any, desk: Any) -> None:
    signal_id = await record(desk, SignalState.REFUSED, detail="<b>Invalid</b> Contact")
    text = await console.page(f"/console/signals/{signal_id}")
    assert "&lt;b&gt;Invalid" in text
    assert VALUE not in text
    assert str(len(VALUE)) in text
    await console.page("/console/signals/none", 404)


async def test_it_goes_out_again_with_a_reason_that_stays_on_record(console: Any, desk: Any) -> None:
    signal_id = await record(desk, SignalState.REFUSED)
    page = f"/console/signals/{signal_id}"
    status, where, _ = await console.send(page, f"{page}/retry", why="NICE was down")
    assert (status, where) == (303, f"{page}?done=retried")
    assert "It goes out again now" in await console.page(where)
    stored = await desk.states.signal(signal_id)
    assert stored.attempts[-1].detail == "by ana: NICE was down"
    (deed,) = console.audit.newest()
    assert (deed.who, deed.action, deed.about, deed.why) == ("ana", "retry", signal_id, "NICE was down")


async def test_without_a_reason_nothing_is_done(console: Any, desk: Any) -> None:
    signal_id = await record(desk, SignalState.REFUSED)
    page = f"/console/signals/{signal_id}"
    status, _, text = await console.send(page, f"{page}/retry", why="  ")
    assert (status, "a reason is needed" in text, desk.begun) == (422, True, [])


async def test_a_dangerous_one_is_sent_only_by_who_accepts_the_danger(console: Any, desk: Any) -> None:
    signal_id = await record(desk, SignalState.UNKNOWN)
    page = f"/console/signals/{signal_id}"
    assert 'name="confirmed"' not in await console.page(page)
    status, _, text = await console.send(page, f"{page}/retry", why="NICE was down")
    assert (status, desk.begun) == (409, [])
    assert 'name="confirmed"' in text
    assert 'value="NICE was down"' in text
    assert (await console.send(page, f"{page}/retry", why="it was", confirmed="yes"))[0] == 303
    assert len(desk.begun) == 1


async def test_one_that_waits_is_withdrawn(console: Any, desk: Any) -> None:
    signal_id = await record(desk, SignalState.RECORDED)
    page = f"/console/signals/{signal_id}"
    assert (await console.send(page, f"{page}/discard", why="a test call"))[0] == 303
    assert (await desk.states.signal(signal_id)).state is SignalState.CANCELLED
    status, _, text = await console.send(page, f"{page}/discard", why="again")
    assert (status, "only a recorded one can be discarded" in text) == (409, True)


@pytest.mark.parametrize("state", [SignalState.ACCEPTED, SignalState.SENDING])
async def test_what_nice_has_or_will_have_has_no_button(console: Any, desk: Any, state: SignalState) -> None:
    signal_id = await record(desk, state)
    text = await console.page(f"/console/signals/{signal_id}")
    assert "/retry" not in text
    assert "/discard" not in text
