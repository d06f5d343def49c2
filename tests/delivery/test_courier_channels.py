# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks and transcripts in the courier: on their own roads, through hang-ups, stops and kills."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from agent.core.errors import StorageError
from agent.core.model.project import Project
from agent.core.moments import Moment, SignalState
from agent.core.outcomes import Answer, Outcome
from agent.core.records import Channel, Signal
from agent.cxone.exchange import new_session_apart
from agent.delivery.courier import ASIDE_IN_FLIGHT, Courier, SignalEvent
from agent.delivery.sqlite import SqliteStore
from agent.webhooks import Webhooks
from tests.delivery.receiver import SECRET, Receiver

TAKEN = Answer(Outcome.ACCEPTED, 200, "")
SILENT = Answer(Outcome.UNCERTAIN, None, "no answer in time")
BUSY = Answer(Outcome.UNAVAILABLE, 503, "HTTP 503")


def configured(name: str = "acme-care", url: str = "http://127.0.0.1:9/") -> Project:
    tenant = {
        "issuer": "http://127.0.0.1:1",
        "business_unit": "1",
        "client_id": "c",
        "client_secret": "s",
        "access_key_id": "a",
        "access_key_secret": "s",
        "transcripts": {"vendor_id": "v", "virtual_agent_id": "b"},
    }
    return Project.model_validate(
        {
            "project": name,
            "account": "acme",
            "voice_agent": {"targets": [{"uri": "sip:bot@127.0.0.1:5070"}]},
            "cxone": tenant,
            "webhook": {"url": url, "secret": SECRET, "timeout": "200ms"},
            "repeat_unknown": True,
        }
    )


@dataclass
class Post:
    """A request that is under way; it is answered when the test says what."""

    project: str
    body: str
    answer: asyncio.Future[Answer]


@dataclass
class Scripted:
    """A poster, and a sender of signals, that answers from `script`, else waits for the test."""

    script: list[Answer] = field(default_factory=list)
    posts: asyncio.Queue[Post] = field(default_factory=asyncio.Queue)
    at_once: int = 0
    most_at_once: int = 0

    def can_send_now(self, _project: Project) -> bool:
        """Nothing to wait for."""
        return True

    async def signal(
        self,
        project: Project,
        contact_id: str,
        _parameters: Mapping[str, str],
        *,
        before_send: Callable[[], Awaitable[None]] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Answer:
        """Be asked for a signal."""
        assert before_send is not None
        return await self.post(project, contact_id, before_send=before_send, timeout=timeout or 0)

    async def post(
        self,
        project: Project,
        body: str,
        *,
        before_send: Callable[[], Awaitable[None]],
        timeout: float,  # noqa: ASYNC109
    ) -> Answer:
        """Be asked to post."""
        assert timeout > 0
        await before_send()
        if self.script:
            return self.script.pop(0)
        post = Post(project.project, body, asyncio.get_running_loop().create_future())
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await self.posts.put(post)
        try:
            return await post.answer
        finally:
            self.at_once -= 1


class Watched:
    """The real store, which says when it was asked for one entry, and may be faulty."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.faults = 0
        self.asked: asyncio.Queue[str] = asyncio.Queue()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all of the store
        return getattr(self._store, name)

    async def signal(self, signal_id: str) -> Signal | None:
        """Read, unless faulty."""
        self.asked.put_nowait(signal_id)
        if self.faults:
            self.faults -= 1
            raise StorageError("disk gone")
        return await self._store.signal(signal_id)


class Bench:
    """A courier with a real store, and what was told."""

    def __init__(self, store: SqliteStore, posters: Mapping[Channel, Any] | None = None) -> None:
        self.store = Watched(store)
        self.signals, self.webhooks, self.transcripts = Scripted(), Scripted(), Scripted()
        self.posters = posters or {Channel.WEBHOOK: self.webhooks, Channel.TRANSCRIPT: self.transcripts}
        self.projects = {name: configured(name) for name in ("acme-care", "acme-sales")}
        self.events: list[SignalEvent] = []
        self.told = asyncio.Event()
        self.now = 1000.0
        self.numbers = count(1)
        self.courier = self.new()

    def new(self, held: int = 1000) -> Courier:
        """A courier of another process."""
        return Courier(
            self.store,
            self.signals,
            lambda _, name: self.projects.get(name),
            self._take,
            clock=lambda: self.now,
            chance=float,
            posters=self.posters,
            held=held,
        )

    def _take(self, event: SignalEvent) -> None:
        self.events.append(event)
        self.told.set()

    async def recorded(self, channel: Channel, project: str = "acme-care", **changes: Any) -> Signal:  # noqa: ANN401
        """An entry on disk."""
        number = next(self.numbers)
        contact_id = f"{number}" if channel is Channel.TRANSCRIPT else "4711"
        body = {"body": json.dumps({"id": f"h-{number}"})}
        entry = Signal(
            *(f"e-{number}", f"call-{number}", "acme", project, contact_id, Moment.HANDOFF, body),
            recorded=1000.0,
            expires=90_000.0,
            channel=channel,
        )
        entry = replace(entry, **changes)
        assert await self.store.record_signal(entry)
        return entry

    async def begun(self, channel: Channel, project: str = "acme-care", **changes: Any) -> Signal:  # noqa: ANN401
        """An entry on disk and in the courier's hands."""
        entry = await self.recorded(channel, project, **changes)
        self.courier.begin(entry)
        return entry

    async def reached(self, entry: Signal, state: SignalState) -> SignalEvent:
        """Wait until an entry was told to be in a state."""
        while True:
            for event in self.events:
                if event.signal.signal_id == entry.signal_id and event.signal.state is state:
                    return event
            self.told.clear()
            await self.told.wait()

    async def on_disk(self, entry: Signal) -> Signal:
        """As it stands on disk."""
        found = await self.store._store.signal(entry.signal_id)
        assert found is not None
        return found


@pytest.fixture
async def bench(store: SqliteStore) -> AsyncIterator[Bench]:
    made = Bench(store)
    yield made
    await made.courier.aclose(0)


@pytest.mark.parametrize("channel", [Channel.WEBHOOK, Channel.TRANSCRIPT])
async def test_what_hangs_aside_holds_up_no_signal_of_its_contact_and_no_other_project(
    bench: Bench, channel: Channel
) -> None:
    hanging = bench.webhooks if channel is Channel.WEBHOOK else bench.transcripts
    for _ in range(ASIDE_IN_FLIGHT + 3):
        await bench.begun(channel)
    for _ in range(ASIDE_IN_FLIGHT):
        await hanging.posts.get()

    assert bench.courier.opening_state(bench.projects["acme-care"], "4711") is SignalState.SENDING
    signal = await bench.begun(Channel.SIGNAL, state=SignalState.SENDING)
    request = await bench.signals.posts.get()  # it left, and not one that hangs was answered
    request.answer.set_result(TAKEN)
    await bench.reached(signal, SignalState.ACCEPTED)

    other = await bench.begun(channel, "acme-sales")
    post = await hanging.posts.get()
    assert post.project == "acme-sales"
    post.answer.set_result(TAKEN)
    await bench.reached(other, SignalState.ACCEPTED)
    assert hanging.most_at_once == ASIDE_IN_FLIGHT + 1
    assert not any(
        event.signal.state.final
        for event in bench.events
        if event.signal.project == "acme-care" and event.signal.channel is channel
    )


async def test_a_transcript_does_not_wait_for_webhooks_nor_a_webhook_for_signals(bench: Bench) -> None:
    await bench.begun(Channel.SIGNAL, state=SignalState.SENDING)
    await bench.signals.posts.get()
    for _ in range(ASIDE_IN_FLIGHT):
        await bench.begun(Channel.WEBHOOK)
        await bench.webhooks.posts.get()
    await bench.begun(Channel.TRANSCRIPT)
    await bench.transcripts.posts.get()


async def test_one_that_waits_gets_the_place_of_one_that_is_over(bench: Bench) -> None:
    entries = [await bench.begun(Channel.WEBHOOK) for _ in range(ASIDE_IN_FLIGHT + 1)]
    first = await bench.webhooks.posts.get()
    first.answer.set_result(TAKEN)
    for _ in range(ASIDE_IN_FLIGHT):
        post = await bench.webhooks.posts.get()
        post.answer.set_result(TAKEN)
    for entry in entries:
        await bench.reached(entry, SignalState.ACCEPTED)
    assert bench.webhooks.most_at_once == ASIDE_IN_FLIGHT


async def test_pending_counts_signals_and_each_channel_its_own(bench: Bench) -> None:
    assert bench.courier.pending_by_channel == {"signal": 0, "webhook": 0, "transcript": 0}
    for channel in (Channel.SIGNAL, Channel.WEBHOOK, Channel.WEBHOOK, Channel.TRANSCRIPT):
        last = await bench.begun(channel)
    assert bench.courier.pending == 1
    assert bench.courier.pending_by_channel == {"signal": 1, "webhook": 2, "transcript": 1}
    (await bench.transcripts.posts.get()).answer.set_result(TAKEN)
    await bench.reached(last, SignalState.ACCEPTED)
    assert bench.courier.pending_by_channel == {"signal": 1, "webhook": 2, "transcript": 0}


async def test_a_webhook_is_repeated_after_whatever_may_pass_and_a_transcript_is_not(bench: Bench) -> None:
    bench.webhooks.script = [BUSY, SILENT, Answer(Outcome.SERVER_FAULT, 500, "HTTP 500"), TAKEN]
    webhook = await bench.begun(Channel.WEBHOOK)
    event = await bench.reached(webhook, SignalState.ACCEPTED)
    tried = [attempt.outcome for attempt in event.signal.attempts]
    assert tried == ["unavailable", "uncertain", "server_fault", "accepted"]

    bench.transcripts.script = [BUSY, SILENT]
    transcript = await bench.begun(Channel.TRANSCRIPT)  # the project's leave to repeat is for signals
    event = await bench.reached(transcript, SignalState.UNKNOWN)
    assert [attempt.outcome for attempt in event.signal.attempts] == ["unavailable", "uncertain"]


async def test_a_hang_up_leaves_webhooks_and_transcripts_alone(bench: Bench) -> None:
    signal = await bench.begun(Channel.SIGNAL, call_id="call-x")
    await bench.signals.posts.get()
    waiting = await bench.begun(Channel.SIGNAL, call_id="call-x", moment=Moment.ARRIVAL)
    webhook = await bench.begun(Channel.WEBHOOK, call_id="call-x")
    transcript = await bench.begun(Channel.TRANSCRIPT, call_id="call-x")
    post = await bench.webhooks.posts.get()
    bench.courier.cancel("call-x")
    await bench.reached(waiting, SignalState.CANCELLED)
    (await bench.transcripts.posts.get()).answer.set_result(BUSY)
    (await bench.transcripts.posts.get()).answer.set_result(TAKEN)
    post.answer.set_result(SILENT)
    (await bench.webhooks.posts.get()).answer.set_result(TAKEN)
    for entry in (webhook, transcript):
        await bench.reached(entry, SignalState.ACCEPTED)
    assert (await bench.on_disk(signal)).state is SignalState.SENDING


async def test_of_what_a_killed_process_left_on_the_wire_webhooks_are_repeated_and_transcripts_unknown(
    bench: Bench,
) -> None:
    left = {
        (channel, state): await bench.recorded(channel, state=state)
        for channel in (Channel.WEBHOOK, Channel.TRANSCRIPT)
        for state in (SignalState.RECORDED, SignalState.SENDING)
    }
    bench.webhooks.script, bench.transcripts.script = [TAKEN, TAKEN], [TAKEN]
    await bench.courier.resume()
    for (channel, state), entry in left.items():
        lost = channel is Channel.TRANSCRIPT and state is SignalState.SENDING
        await bench.reached(entry, SignalState.UNKNOWN if lost else SignalState.ACCEPTED)
    repeated = await bench.on_disk(left[Channel.WEBHOOK, SignalState.SENDING])
    assert [attempt.outcome for attempt in repeated.attempts] == ["uncertain", "accepted"]
    assert bench.transcripts.script == []


async def test_an_end_leaves_webhooks_to_the_next_process_and_begins_none(bench: Bench) -> None:
    entries = [await bench.begun(Channel.WEBHOOK) for _ in range(ASIDE_IN_FLIGHT + 2)]
    transcript = await bench.begun(Channel.TRANSCRIPT)
    posts = [await bench.webhooks.posts.get() for _ in range(ASIDE_IN_FLIGHT)]
    await bench.transcripts.posts.get()
    posts[0].answer.set_result(TAKEN)
    await bench.courier.aclose(2)
    states = [(await bench.on_disk(entry)).state for entry in entries]
    assert states.count(SignalState.ACCEPTED) == 1
    assert states.count(SignalState.RECORDED) == ASIDE_IN_FLIGHT + 1
    assert (await bench.on_disk(transcript)).state is SignalState.UNKNOWN
    assert bench.webhooks.posts.empty()

    bench.courier = bench.new()
    bench.webhooks.script = [TAKEN] * len(entries)
    await bench.courier.resume()
    for entry in entries:
        await bench.reached(entry, SignalState.ACCEPTED)
    assert len(bench.webhooks.script) == 1  # one for the one that was taken before


async def test_what_is_begun_while_it_closes_stays_on_disk(bench: Bench) -> None:
    await bench.courier.aclose(0)
    entry = await bench.begun(Channel.WEBHOOK)
    assert (await bench.on_disk(entry)).state is SignalState.RECORDED
    assert bench.webhooks.posts.empty()


async def test_beyond_those_held_in_memory_the_others_wait_on_disk_for_their_turn(bench: Bench) -> None:
    bench.courier = bench.new(held=2)
    entries = [await bench.begun(Channel.WEBHOOK) for _ in range(5)]
    signal = await bench.begun(Channel.SIGNAL)
    await bench.signals.posts.get()  # signals are all in memory
    first, second = await bench.webhooks.posts.get(), await bench.webhooks.posts.get()
    assert bench.courier.pending_by_channel == {"signal": 1, "webhook": 5, "transcript": 0}
    assert bench.store.asked.empty()

    await bench.store.update_signal(
        entries[2].signal_id, SignalState.CANCELLED, None
    )  # an operator's decision
    bench.courier.withdraw(entries[2].signal_id)
    bench.store.faults = 1
    first.answer.set_result(TAKEN)
    third = await bench.webhooks.posts.get()
    assert [bench.store.asked.get_nowait() for _ in range(3)] == [
        *[entries[2].signal_id] * 2,  # once in vain
        entries[3].signal_id,
    ]
    assert json.loads(third.body)["id"] == "h-4"
    second.answer.set_result(TAKEN)
    fourth = await bench.webhooks.posts.get()
    for post in (third, fourth):
        post.answer.set_result(TAKEN)
    for entry in (entries[0], entries[1], entries[3], entries[4]):
        await bench.reached(entry, SignalState.ACCEPTED)
    assert bench.courier.pending_by_channel == {"signal": 1, "webhook": 0, "transcript": 0}
    assert (await bench.on_disk(signal)).state is SignalState.SENDING

    late = await bench.begun(Channel.WEBHOOK)  # there is room again
    (await bench.webhooks.posts.get()).answer.set_result(TAKEN)
    await bench.reached(late, SignalState.ACCEPTED)


async def test_what_waited_on_disk_as_sending_is_taken_up_like_the_rest(bench: Bench) -> None:
    bench.courier = bench.new(held=1)
    first = await bench.begun(Channel.TRANSCRIPT)
    waiting = await bench.recorded(Channel.TRANSCRIPT, state=SignalState.SENDING)
    bench.courier.take_up([waiting])
    (await bench.transcripts.posts.get()).answer.set_result(TAKEN)
    await bench.reached(first, SignalState.ACCEPTED)
    await bench.reached(waiting, SignalState.UNKNOWN)


async def test_a_webhook_nobody_takes_expires(bench: Bench) -> None:
    bench.webhooks.script = [SILENT]
    entry = await bench.begun(Channel.WEBHOOK, expires=1000.04)
    event = await bench.reached(entry, SignalState.EXPIRED)
    assert event.outcome == "expired"


async def test_a_project_that_is_configured_no_more_refuses_what_is_left_of_it(bench: Bench) -> None:
    del bench.projects["acme-sales"]
    for channel in Channel:
        entry = await bench.begun(channel, "acme-sales")
        event = await bench.reached(entry, SignalState.REFUSED)
        assert event.outcome == "forbidden"


async def test_a_real_receiver_is_told_until_it_acknowledges_with_a_fresh_signature_each_time(
    store: SqliteStore,
) -> None:
    async with (
        Receiver(["reset", 500, "hang", (429, {"Retry-After": "0"}), 200]) as receiver,
        new_session_apart() as session,
    ):
        seconds = count(1_800_000_000)
        bench = Bench(store, {Channel.WEBHOOK: Webhooks(session, lambda: float(next(seconds)))})
        bench.projects["acme-care"] = configured(url=receiver.url)
        entry = await bench.begun(Channel.WEBHOOK)
        event = await bench.reached(entry, SignalState.ACCEPTED)
        await bench.courier.aclose(0)
    outcomes = [attempt.outcome for attempt in event.signal.attempts]
    assert outcomes == ["uncertain", "server_fault", "uncertain", "throttled", "accepted"]
    assert receiver.times == {"h-1": 5}
    assert len({headers["X-Handoff-Signature"] for headers, _ in receiver.posts}) == 5
    assert {body for _, body in receiver.posts} == {entry.parameters["body"].encode()}
