# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage that fails at each await of the courier: nothing is sent twice, nothing is lost, it goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import pytest
from structlog.testing import capture_logs

from agent.core.moments import Moment, SignalState
from agent.core.records import Channel, Signal
from tests.delivery.bench import ACCEPTED, Bench
from tests.delivery.outbox import unsettled

MakeSignal: TypeAlias = Callable[..., Signal]
Begin: TypeAlias = Callable[[Bench, MakeSignal], Awaitable[list[Signal]]]


async def recorded(bench: Bench, make_signal: MakeSignal) -> list[Signal]:
    """Arrival and handoff of a call; each is made ``sending`` before it leaves."""
    entries = _arrival_and_handoff(make_signal, SignalState.RECORDED)
    await bench.record(*entries)
    return entries


async def sending(bench: Bench, make_signal: MakeSignal) -> list[Signal]:
    """Durable as ``sending``: the arrival leaves at once, the handoff is made ``recorded`` until its turn."""
    bench.cxone.warm = True
    entries = _arrival_and_handoff(make_signal, SignalState.SENDING)
    await bench.record(*entries)
    return entries


async def webhooks(bench: Bench, _: MakeSignal) -> list[Signal]:
    """Two webhooks, of which the second waits on disk until the first is over."""
    bench.courier = bench.new(held=1)
    return [await bench.begun(Channel.WEBHOOK) for _ in range(2)]


def _arrival_and_handoff(make_signal: MakeSignal, state: SignalState) -> list[Signal]:
    return [
        make_signal(moment=moment, parameters={"p1": moment.value}, state=state)
        for moment in (Moment.ARRIVAL, Moment.HANDOFF)
    ]


@dataclass(frozen=True)
class Script:
    """A delivery, and how often it calls each method of the store when none fails."""

    begin: Begin
    calls: dict[str, int]


SCRIPTS = [
    Script(recorded, {"update_signal": 4}),
    Script(sending, {"update_signal": 4}),
    Script(webhooks, {"update_signal": 4, "signal": 1}),
]
FAULTS = [
    pytest.param(script.begin, method, ordinal, id=f"{script.begin.__name__}-{method}-{ordinal}")
    for script in SCRIPTS
    for method, times in script.calls.items()
    for ordinal in range(1, times + 1)
]


@pytest.fixture
def bench(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Everybody accepts at once; the storage is tried again soon."""
    monkeypatch.setattr("agent.delivery.sending.STORAGE_RETRY", 0.01)
    monkeypatch.setattr("agent.delivery.courier.STORAGE_RETRY", 0.01)
    for far_end in (bench.cxone, bench.webhooks):
        far_end.script = [ACCEPTED] * 10
    return bench


@pytest.fixture(autouse=True)
def _nothing_breaks() -> Iterator[None]:
    """No task of the courier ends by an internal error."""
    with capture_logs() as logs:
        yield
    assert [line for line in logs if line["event"] in ("delivery broke", "sending broke")] == []


def times_sent(bench: Bench, entries: list[Signal]) -> list[int]:
    sent = Counter(text for far_end in (bench.cxone, bench.webhooks) for _, text in far_end.sent)
    return [sent[entry.parameters.get("p1") or entry.parameters["body"]] for entry in entries]


async def settled_by_the_next_process(bench: Bench, entries: list[Signal]) -> list[SignalState]:
    """What becomes of entries when the storage is well and another process takes over what is left."""
    bench.storage.refuses = lambda _method, _ordinal: False
    bench.courier = bench.new()
    left = await unsettled(bench.store)
    bench.events.clear()
    bench.courier.take_up(left)
    for entry in left:
        while not any(SignalState(state).final for state in bench.states(entry)):
            bench.told.clear()
            await bench.told.wait()
    await bench.courier.aclose(0)
    assert await unsettled(bench.store) == ()
    return [await bench.on_disk(entry) for entry in entries]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.begin.__name__)
async def test_the_table_names_every_call_of_the_store(
    bench: Bench, make_signal: MakeSignal, script: Script
) -> None:
    for entry in await script.begin(bench, make_signal):
        await bench.reached(entry, SignalState.ACCEPTED)
    assert bench.storage.calls == script.calls


@pytest.mark.parametrize(("begin", "method", "ordinal"), FAULTS)
async def test_a_call_of_the_store_that_fails_once_costs_nothing(
    bench: Bench, make_signal: MakeSignal, begin: Begin, method: str, ordinal: int
) -> None:
    bench.storage.refuses = lambda *call: call == (method, ordinal)
    entries = await begin(bench, make_signal)
    first, second = SignalState.ACCEPTED, SignalState.ACCEPTED
    for entry, state in zip(entries, (first, second), strict=True):
        await bench.reached(entry, state)
    assert bench.storage.refused.is_set()

    others = [make_signal("call-2"), make_signal("call-3", contact_id="4712")]  # of the same contact, and not
    await bench.record(*others)
    for other in others:
        await bench.reached(other, SignalState.ACCEPTED)
    assert bench.courier.pending_by_channel == {"signal": 0, "webhook": 0, "transcript": 0}
    await bench.courier.aclose(0)
    assert [await bench.on_disk(entry) for entry in entries] == [first, second]
    assert [await bench.on_disk(other) for other in others] == [SignalState.ACCEPTED] * 2
    assert times_sent(bench, entries) == [1, 1]


@pytest.mark.parametrize(("begin", "method", "ordinal"), FAULTS)
async def test_when_the_process_ends_while_the_store_fails_the_next_one_sends_nothing_twice_and_loses_nothing(
    bench: Bench, make_signal: MakeSignal, begin: Begin, method: str, ordinal: int
) -> None:
    def refuses(called: str, number: int) -> bool:
        return bench.storage.refused.is_set() or (called, number) == (method, ordinal)

    bench.storage.refuses = refuses
    entries = await begin(bench, make_signal)
    await bench.storage.refused.wait()
    await bench.courier.aclose(0)
    states = await settled_by_the_next_process(bench, entries)
    for entry, state, times in zip(entries, states, times_sent(bench, entries), strict=True):
        if entry.channel is Channel.WEBHOOK:  # its receiver knows a repetition by its id
            assert (state, times >= 1) == (SignalState.ACCEPTED, True)
        elif times == 0:  # the disk says ``sending``, and nobody can know that it never left
            assert (entry.state, state) == (SignalState.SENDING, SignalState.UNKNOWN)
        else:
            assert (state, times) in ((SignalState.ACCEPTED, 1), (SignalState.UNKNOWN, 1))


@pytest.mark.parametrize("ordinal", [1, 2])
@pytest.mark.parametrize("lasting", [False, True])
async def test_a_stop_while_a_request_is_on_the_wire_and_the_store_fails_sends_nothing_twice(
    bench: Bench, make_signal: MakeSignal, ordinal: int, *, lasting: bool
) -> None:
    bench.cxone.script = []
    bench.storage.refuses = lambda _, number: number == ordinal or (lasting and number > ordinal)
    entries = await sending(bench, make_signal)
    await bench.cxone.requests.get()  # the arrival, which nobody answers
    await bench.courier.aclose(0)
    assert bench.storage.refused.is_set()
    bench.cxone.script = [ACCEPTED] * 10
    # The handoff leaves with the next process, unless it is still ``sending`` on disk, where it was begun so.
    waits = not (lasting and ordinal == 1)
    second = SignalState.ACCEPTED if waits else SignalState.UNKNOWN
    assert await settled_by_the_next_process(bench, entries) == [SignalState.UNKNOWN, second]
    assert times_sent(bench, entries) == [1, int(waits)]
