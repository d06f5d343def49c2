# SPDX-License-Identifier: GPL-3.0-or-later
"""One call, seen from elsewhere: a trace at an OTLP receiver, HEP3 packets at a collector."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from agent.core.chosen import trace_id
from agent.core.trace_context import Parent, parent_of
from agent.telemetry.pcap import Datagram, pcap
from tests.calls.harness import web
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import API_KEY, FAILOVER, TOKEN, Change, Plan
from tests.calls.harness.ports import free_port
from tests.calls.harness.records import Row
from tests.calls.harness.talk import talking
from tests.calls.harness.waiting import eventually
from tests.harness import tshark
from tests.harness.hep import chunks
from tests.telemetry.otlp import attributes, receiving

pytestmark = pytest.mark.calls

CALLERS = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Of the OTLP receiver and of the HEP collector."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def change(ports: tuple[int, int]) -> Change:
    """Calls are traced, and their messages sent."""

    def seen(plan: Plan) -> None:
        plan.agent["traces"] = {"endpoint": f"http://127.0.0.1:{ports[0]}/v1/traces"}
        plan.agent["hep"] = {"collector": f"udp://127.0.0.1:{ports[1]}", "id": 2001}
        for project in ("acme-failover", "acme-care"):
            plan.projects[project]["voice_agent"]["headers"]["traceparent"] = "{traceparent}"

    return seen


async def test_a_call_is_one_trace_to_nice_s_answer_and_joins_that_of_its_voice_agent(
    house: House, ports: tuple[int, int]
) -> None:
    contact = new_contact()
    async with receiving(ports[0]) as receiver:
        async with (
            house.voice_agent("busy") as first,
            house.voice_agent("on_cue", port=house.plan.second) as bot,
            house.caller("on_cue", contact, number=FAILOVER) as caller,
        ):
            await caller.saw("200 INVITE")
            invite = await bot.saw("INVITE")
            bot.cue()
            await caller.succeeds()
            await bot.succeeds()
            await first.succeeds()
        row = await house.ended(caller, "completed", "completed")
        trace = trace_id(row["call_id"])
        parent = invite.header("traceparent").split("-")
        assert (parent[1], parent[3]) == (trace.hex(), "01")
        found = await eventually(lambda: receiver.trace(trace), 60, "the trace")
    assert found["call"].span_id.hex() == parent[2]
    assert {"admission", "record", "bridged", "signal arrival", "signal completed", "attempt"} <= set(found)
    statuses = sorted(
        attributes(span)["sip.response.status_code"]
        for span in receiver.spans
        if span.trace_id == trace and span.name.startswith("dial ")
    )
    assert statuses == [200, 486]
    assert attributes(found["attempt"])["http.response.status_code"] == 202
    assert attributes(found["call"])["handoff.contact_id"] == contact
    nobody = b"\0" * 8
    for span in found.values():
        assert span.end_time_unix_nano >= span.start_time_unix_nano
        assert (span.parent_span_id or nobody) in {nobody, b""} | {one.span_id for one in found.values()}


async def test_a_call_goes_on_with_its_caller_s_trace_and_its_handoff_with_who_asked(
    house: House, ports: tuple[int, int]
) -> None:
    contact, callers = new_contact(), Parent(CALLERS, "b7ad6b7169203331", sampled=True)
    headers = identity(contact, TOKEN, f"traceparent: {callers}")
    async with receiving(ports[0]) as receiver:
        async with talking(house, contact, "is_referred", "answers", headers=headers) as talk:
            invite = await talk.bot.saw("INVITE")
            told = parent_of([invite.header("traceparent")])
            assert told is not None
            assert (told.trace, told.sampled) == (CALLERS, True)
            bots = replace(told, span="00f067aa0ba902b7")
            reply = await asyncio.to_thread(
                web.ask,
                house.plan.api,
                "POST",
                "/v1/acme/acme-care/handoffs?wait=0",
                {"contact_id": contact, "destination": "billing"},
                {"x-api-key": API_KEY, "traceparent": str(bots)},
            )
            assert reply.status == 202, reply.text
            await talk.bot.succeeds()
            await eventually(
                lambda: [one["state"] for one in house.records.signals(talk.call_id)] == ["accepted"] * 2,
                what="both signals accepted",
            )
            talk.caller.cue()
            await talk.caller.succeeds()
        row = await house.ended(talk.caller, "handoff", "handoff")
        found = await eventually(lambda: receiver.trace(bytes.fromhex(CALLERS)), 60, "the caller's trace")
    assert found["call"].parent_span_id.hex() == callers.span
    assert found["call"].span_id.hex() == told.span
    assert found["handoff"].parent_span_id.hex() == bots.span
    assert not receiver.trace(trace_id(row["call_id"]))
    assert f"the caller's trace goes on: {callers}" in str(talk.story)


async def test_a_caller_who_samples_nothing_has_no_trace_and_an_invalid_one_is_none(
    house: House, ports: tuple[int, int]
) -> None:
    unsampled = str(Parent(CALLERS, "b7ad6b7169203331", sampled=False))
    rows: list[Row] = []
    async with receiving(ports[0]) as receiver:
        for said in (unsampled, "00-nonsense-01"):
            headers = identity(new_contact(), TOKEN, f"traceparent: {said}")
            async with (
                house.voice_agent("on_cue") as bot,
                house.caller("on_cue", headers=headers) as caller,
            ):
                await caller.saw("200 INVITE")
                invite = await bot.saw("INVITE")
                told = parent_of([invite.header("traceparent")])
                bot.cue()
                await caller.succeeds()
            rows.append(await house.ended(caller, "completed", "completed"))
            assert told is not None
            assert (told.trace == CALLERS, told.sampled) == (said == unsampled, said != unsampled)
        await eventually(lambda: receiver.trace(trace_id(rows[1]["call_id"])), 60, "a trace of our own")
    assert {span.trace_id for span in receiver.spans} == {trace_id(rows[1]["call_id"])}


async def test_its_messages_reach_a_homer_whole(house: House, ports: tuple[int, int], tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", ports[1]))
        collector.settimeout(0)
        async with house.voice_agent("on_cue") as bot, house.caller("on_cue") as caller:
            await caller.saw("200 INVITE")
            bot.cue()
            await caller.succeeds()
            await bot.succeeds()
        row = await house.ended(caller, "completed", "completed")
        loop = asyncio.get_running_loop()
        packets: list[bytes] = []
        while sum(map(is_last, packets)) < 2:
            packets.append(await asyncio.wait_for(loop.sock_recv(collector, 65_536), 60))
    found = [chunks(one) for one in packets]
    assert {one[17] for one in found} == {row["call_id"].encode()}, "both legs under one id"
    assert {one[12] for one in found} == {(2001).to_bytes(4)}
    file = tmp_path / "hep.pcap"
    file.write_bytes(pcap(map(carried, found)))
    said = tshark.rows(file, "sip.Call-ID", "sip.CSeq.method", "sip.Status-Code", "frame.time_epoch")
    assert len(said) == len(packets)
    assert len({call_id for call_id, *_ in said}) == 2
    assert {(method, status) for _, method, status, _ in said} >= {
        ("INVITE", ""),
        ("INVITE", "200"),
        ("ACK", ""),
        ("BYE", ""),
        ("BYE", "200"),
    }


def is_last(packet: bytes) -> bool:
    """Whether it is the answer to a BYE."""
    said = chunks(packet)[15]
    return said.startswith(b"SIP/2.0 200") and re.search(rb"CSeq: \d+ BYE", said) is not None


def carried(found: dict[int, bytes]) -> Datagram:
    """What a HEP3 packet says was on the wire."""
    seconds, micro, source, target = (int.from_bytes(found[kind]) for kind in (9, 10, 7, 8))
    ends = (socket.inet_ntoa(found[3]), source), (socket.inet_ntoa(found[4]), target)
    return Datagram(seconds * 1_000_000 + micro, *ends, found[15])
