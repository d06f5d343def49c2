# SPDX-License-Identifier: GPL-3.0-or-later
"""Traces on their way to a real receiver: whole, once, never waited for; what is lost is counted."""

from __future__ import annotations

import asyncio
import os
import signal as signals
import socket
import ssl
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from agent import children
from agent.core.chosen import chosen, span_id, trace_id, traceparent
from agent.core.model.traces import Traces
from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, CallRecord, Signal
from agent.core.trace_context import Parent
from agent.telemetry import exporter as module
from agent.telemetry import tracing as tracing_module
from agent.telemetry.exporting import why_not
from agent.telemetry.tracing import Tracing
from tests.calls.harness.waiting import eventually
from tests.http.harness.certificates import new_pair
from tests.telemetry.otlp import Receiver, attributes, receiving
from tests.telemetry.wire import Wire

WITHIN = 60.0  # a process is started


class Site:
    """Tracing of calls on a wire."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.tasks: list[asyncio.Task[None]] = []
        self.pending: set[str] = set()
        self.tracing = Tracing(self.wire.stories, "edge-1", self._run)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def follow(self, url: str, **more: object) -> None:
        """Trace calls to there."""
        self.tracing.follow(Traces.model_validate({"endpoint": url, **more}))

    def call(self, call_id: str) -> None:
        """A call has been and is over."""
        self.wire.call(call_id, f"{call_id}-a")
        self.wire.comes(f"{call_id}-a")
        self.wire.stories.note(
            call_id, 1_800_000_001.0, "decision", "admitted: carrier one, rule 9995550100 (n:2)"
        )
        record = CallRecord(
            *(call_id, "edge-1", "one", "acme", "care", "9995550100", "4512", "", f"{call_id}-a", "ended"),
            began=1_800_000_000.0,
            answered=1_800_000_002.0,
            ended=1_800_000_009.0,
            end="completed",
            reason="completed",
        )
        self.wire.stories.over(call_id)
        self.tracing.over(record)

    def look(self) -> None:
        """What the node does once a second."""
        self.tracing.look(self.pending.__contains__)

    async def aclose(self) -> None:
        """End it."""
        await self.tracing.aclose()
        await asyncio.gather(*self.tasks)


def settled(call_id: str, status: int = 202) -> Signal:
    outcome = "accepted" if status == 202 else "unknown_contact"
    attempt = Attempt(1_800_000_005.0, 1_800_000_006.0, outcome, status, "")
    state = SignalState.ACCEPTED if status == 202 else SignalState.REFUSED
    return Signal(
        *("s-1", call_id, "acme", "care", "4512", Moment.COMPLETED, {"p1": "a secret of the caller"}),
        recorded=1_800_000_005.0,
        expires=1_800_000_125.0,
        state=state,
        attempts=(attempt,),
    )


async def test_a_trace_arrives_once_nice_has_answered() -> None:
    async with receiving() as receiver:
        site = Site()
        site.follow(receiver.url, headers={"authorization": "Bearer of-the-collector"})
        site.pending.add("c-1")
        site.call("c-1")
        site.look()
        assert not receiver.spans
        site.tracing.signal(settled("c-1"))
        site.pending.clear()
        site.look()
        found = await eventually(lambda: receiver.trace(trace_id("c-1")), WITHIN, "the trace")
        assert set(found) == {"call", "admission", "bridged", "signal completed", "attempt"}
        call, attempt = found["call"], found["attempt"]
        assert (call.span_id, call.kind) == (span_id("c-1", "call"), call.SPAN_KIND_SERVER)
        assert call.end_time_unix_nano - call.start_time_unix_nano == 9_000_000_000
        assert attributes(attempt)["http.response.status_code"] == 202
        assert attempt.parent_span_id == found["signal completed"].span_id
        assert receiver.resources[0]["service.instance.id"] == "edge-1"
        assert receiver.headers[0]["Authorization"] == "Bearer of-the-collector"
        said = str(receiver.spans)
        assert "a secret of the caller" not in said
        assert "9995550100" not in said
        await eventually(lambda: site.tracing.counts == (5, 0, 0), WITHIN, "counted")
        await site.aclose()


async def test_an_error_is_told_as_one() -> None:
    async with receiving() as receiver:
        site = Site()
        site.follow(receiver.url)
        site.call("c-1")
        site.tracing.signal(settled("c-1", 404))
        site.look()
        found = await eventually(lambda: receiver.trace(trace_id("c-1")), WITHIN, "the trace")
        for name in ("attempt", "signal completed"):
            assert found[name].status.code == Status.STATUS_CODE_ERROR
        await site.aclose()


async def test_what_is_left_at_the_end_is_still_sent() -> None:
    async with receiving() as receiver:
        site = Site()
        site.follow(receiver.url)
        site.call("c-0")
        site.look()
        await eventually(lambda: receiver.trace(trace_id("c-0")), WITHIN, "the process is up")
        site.pending.add("c-1")
        site.call("c-1")
        await site.aclose()
        assert receiver.trace(trace_id("c-1"))


async def test_a_sample_is_the_same_calls_for_all_that_ask() -> None:
    async with receiving() as receiver:
        site = Site()
        site.follow(receiver.url, sample="30%")
        calls = [f"c-{number}" for number in range(200)]
        for call_id in calls:
            site.call(call_id)
        site.look()
        wanted = {trace_id(call_id) for call_id in calls if chosen(call_id, 0.3)}
        assert 30 < len(wanted) < 90
        await eventually(lambda: {span.trace_id for span in receiver.spans} == wanted, WITHIN, "the sample")
        await site.aclose()


async def test_a_call_is_part_of_its_caller_s_trace_and_sampled_as_that() -> None:
    async with receiving() as receiver:
        site = Site()
        site.follow(receiver.url, sample="50%")
        ours, other = (
            next(one for one in (f"c-{number}" for number in range(100)) if chosen(one, 0.5) is wanted)
            for wanted in (True, False)
        )
        parent = Parent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)
        site.tracing.joins(other, parent)
        site.tracing.joins(ours, replace(parent, sampled=False))
        for call_id in (ours, other):
            site.call(call_id)
        site.look()
        found = await eventually(
            lambda: receiver.trace(bytes.fromhex(parent.trace)), WITHIN, "the caller's trace"
        )
        await site.aclose()
        assert found["call"].parent_span_id.hex() == parent.span
        assert found["bridged"].parent_span_id == found["call"].span_id == span_id(other, "call")
        assert {span.trace_id.hex() for span in receiver.spans} == {parent.trace}
        assert not site.tracing._parents


async def test_what_a_receiver_refuses_is_counted_and_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    async with receiving() as receiver:
        receiver.status = 400
        site = Site()
        site.follow(receiver.url)
        for call_id in ("c-1", "c-2"):
            site.call(call_id)
            site.look()
            before = site.tracing.counts[1]
            await eventually(lambda before=before: site.tracing.counts[1] > before, WITHIN, "dropped")  # type: ignore[misc]
        assert site.tracing.counts[0] == 0
        assert capsys.readouterr().err.count("traces are not exported") == 1
        await site.aclose()


async def test_a_process_that_takes_nothing_is_waited_for_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 10)
    monkeypatch.setattr(module, "_LAST_SECONDS", 0.1)

    async def hangs(_: str) -> asyncio.subprocess.Process:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(children, "begin", hangs)
    site = Site()
    site.follow("http://127.0.0.1:9/v1/traces")
    for number in range(100):
        site.call(f"c-{number}")
    site.look()
    await eventually(lambda: site.tracing.counts == (0, 0, 90), WITHIN, "what finds no room is counted")
    await site.aclose()
    assert site.tracing.counts == (0, 0, 100)


async def test_a_receiver_that_hangs_holds_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LAST_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        site = Site()
        site.follow(f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces")
        site.call("c-1")
        site.look()
        taken, _ = await asyncio.to_thread(silent.accept)  # the process is at it
        async with asyncio.timeout(WITHIN):
            await site.aclose()
        taken.close()


async def test_a_process_that_dies_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.01)
    began: list[asyncio.subprocess.Process] = []
    begin = children.begin

    async def remembered(name: str) -> asyncio.subprocess.Process:
        began.append(await begin(name))
        return began[-1]

    monkeypatch.setattr(children, "begin", remembered)
    async with receiving() as receiver:
        site = Site()
        site.follow(receiver.url)
        await eventually(lambda: began, WITHIN, "the process")
        os.kill(began[0].pid, signals.SIGKILL)
        number = 0

        def arrived() -> Receiver | None:
            nonlocal number
            number += 1
            site.call(f"c-{number}")
            site.look()
            return receiver if receiver.spans else None

        await eventually(arrived, WITHIN, "a trace by the next process")
        assert len(began) > 1
        await site.aclose()


async def test_what_a_process_had_when_it_was_killed_is_counted_and_the_next_one_comes_by_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(module, "_LAST_SECONDS", 0.1)
    began: list[asyncio.subprocess.Process] = []

    async def takes_and_says_nothing(_: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        began.append(await asyncio.create_subprocess_exec("sleep", "1000", stdin=pipe, stdout=pipe))
        return began[-1]

    monkeypatch.setattr(children, "begin", takes_and_says_nothing)
    site = Site()
    site.follow("http://127.0.0.1:9/v1/traces")
    for number in range(3):
        site.call(f"c-{number}")
    site.look()
    exporter = site.tracing._exporter
    assert exporter is not None
    await eventually(lambda: exporter._on_the_way == 3, WITHIN, "it has them all")
    began[0].kill()
    await eventually(lambda: len(began) > 1, WITHIN, "another one, though no call came")
    assert site.tracing.counts == (0, 0, 3)
    said = capsys.readouterr().err
    assert said.count("the process that exports traces has died") == 1
    assert "3 calls that it had are not traced; another one follows" in said
    await site.aclose()
    assert site.tracing.counts == (0, 0, 3)


async def test_a_receiver_that_never_answers_holds_up_nothing_and_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        site = Site()
        site.follow(f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces")
        site.call("c-1")
        site.look()  # neither of them waits
        await eventually(lambda: site.tracing.counts[1] > 0, WITHIN, "spans are dropped")
        assert site.tracing.counts[0] == site.tracing.counts[2] == 0
        said = capsys.readouterr().err
        assert said.count("traces are not exported") == 1
        assert "the receiver does not answer within 10 s" in said
        await site.aclose()


async def test_a_receiver_that_nobody_vouches_for_gets_nothing_and_one_line_says_why(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pair = new_pair(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.private_key)
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context)
    async with server:
        site = Site()
        site.follow(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/traces")
        site.call("c-1")
        site.look()
        await eventually(lambda: site.tracing.counts[1] > 0, WITHIN, "spans are dropped")
        said = capsys.readouterr().err
        assert said.count("traces are not exported") == 1
        assert "the receiver's certificate is not accepted: self-signed certificate" in said
        assert not any(heard), "nothing of a call reaches a stranger"
        await site.aclose()


async def test_once_a_receiver_takes_them_again_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    async with receiving() as receiver:
        receiver.status = 400
        site = Site()
        site.follow(receiver.url)
        site.call("c-1")
        site.look()
        await eventually(lambda: site.tracing.counts[1] > 0, WITHIN, "refused")
        receiver.status = 200
        site.call("c-2")
        site.look()
        await eventually(lambda: site.tracing.counts[0] > 0, WITHIN, "taken")
        said = capsys.readouterr().err
        assert "the receiver answers HTTP 400" in said
        assert said.count("traces are exported again") == 1
        await site.aclose()


POOL = "Transient error HTTPConnectionPool(host='c', port=4318): Max retries exceeded with url: /v1/traces "
REFUSED = "(Caused by NewConnectionError('<x>: no new connection: [Errno 111] Connection refused'))"
OLD_TLS = "Caused by SSLError(SSLError(1, '[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:9)'))"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (POOL + REFUSED, "nobody listens at the receiver's address"),
        (POOL + '(Caused by NameResolutionError("<x>: not resolved"))', "the receiver's name is not known"),
        ("Failed to export spans batch code: 403, reason: Forbidden", "the receiver answers HTTP 403"),
        (OLD_TLS, "no TLS with the receiver: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:9)"),
        ("", "the receiver does not take them"),
        ("something\nelse", "the receiver does not take them: something else"),
    ],
)
def test_why_it_failed_is_said_in_a_line(said: str, why: str) -> None:
    assert why_not(said) == why


async def test_without_the_extra_one_line_says_so_and_calls_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracing_module, "installed", lambda: False)
    site = Site()
    site.follow("http://127.0.0.1:4318/v1/traces")
    site.call("c-1")
    site.look()
    assert not site.tracing.on
    assert "pip install 'handoff-agent[otel]'" in capsys.readouterr().err
    await site.aclose()


async def test_another_configuration_takes_over_and_none_ends_it() -> None:
    async with receiving() as first, receiving() as second:
        site = Site()
        site.follow(first.url)
        site.follow(second.url)
        site.call("c-1")
        site.look()
        await eventually(lambda: second.spans, WITHIN, "the second receiver")
        assert not first.spans
        site.tracing.follow(None)
        site.call("c-2")
        site.look()
        await site.aclose()
        assert not second.trace(trace_id("c-2"))


def test_a_traceparent_has_the_form_that_w3c_gives_it() -> None:
    version, trace, span, flags = traceparent("c-1", 1.0).split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")
    assert traceparent("c-1", 0.0).endswith("-00")
    caller = Parent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)
    assert traceparent("c-1", 0.001, caller) == f"00-{caller.trace}-{span}-01"
    assert traceparent("c-1", 1.0, replace(caller, sampled=False)) == f"00-{caller.trace}-{span}-00"
    assert traceparent("c-1", 0.0, caller).endswith("-00"), "nothing of ours will be in it"


@pytest.mark.parametrize(("share", "all_of_them"), [(1.0, True), (0.0, False), (None, False)])
def test_all_or_none_of_them_is_just_that(share: float | None, *, all_of_them: bool) -> None:
    assert {chosen(f"c-{number}", share) for number in range(100)} == {all_of_them}
