# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures of real calls, read by Wireshark's own eyes; and how they are started, fetched and ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.telemetry.pcap import HEADER
from agent.telemetry.withheld import NO_EVENT
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import BRIDGE, SECRETS, TOKEN, Change, Plan
from tests.calls.harness.processes import COMMAND
from tests.calls.harness.rtp import EVENT
from tests.calls.harness.talk import Talk, talking
from tests.calls.harness.waiting import eventually
from tests.calls.test_operators import operate
from tests.harness import tshark

pytestmark = [pytest.mark.calls, pytest.mark.usefixtures("ahead")]


@pytest.fixture(scope="module")
def change() -> Change:
    """Captures are allowed."""

    def allowed(plan: Plan) -> None:
        plan.agent["capture"] = {"folder": "../captures", "at_once": 2}

    return allowed


async def start(house: House, **wanted: object) -> dict[str, Any]:
    """A capture under way."""
    reply = house.operations("POST", "/captures", wanted)
    assert reply.status == 201, reply.text
    found: dict[str, Any] = reply.json
    return found


def stop(house: House, capture: dict[str, Any]) -> dict[str, Any]:
    """The same when it has ended."""
    found: dict[str, Any] = house.operations("POST", f"/captures/{capture['capture_id']}/stop").json
    return found


async def hear_more(talk: Talk, packets: int) -> None:
    """Wait until each end has got so many more packets."""
    talk.phone.catch_up()
    talk.mouth.catch_up()
    before = len(talk.phone.packets), len(talk.mouth.packets)
    await eventually(
        lambda: (
            len(talk.phone.packets) >= before[0] + packets and len(talk.mouth.packets) >= before[1] + packets
        ),
        what=f"{packets} packets to each end",
    )


def is_whole(data: bytes) -> bool:
    """Whether a capture ends with the end of a packet."""
    at = len(HEADER)
    while at + 16 <= len(data):
        at += 16 + int.from_bytes(data[at + 8 : at + 12], "little")
    return at == len(data)


async def one_call(house: House, contact: str = "", **options: Any) -> tuple[str, str]:  # noqa: ANN401 - of callers
    """A call that the voice agent ends: the Call-IDs of both legs."""
    async with house.voice_agent("on_cue") as bot, house.caller("on_cue", contact, **options) as caller:
        await caller.saw("200 INVITE")
        invite = await bot.saw("INVITE")
        bot.cue()
        await caller.succeeds()
        await bot.succeeds()
    await house.at_rest()
    return caller.call_id, invite.header("Call-ID")


async def test_a_captured_call_reads_as_a_call_flow(house: House, tmp_path: Path) -> None:
    capture = await start(house, project="acme-care", **{"for": "2m"})
    ours = await one_call(house)
    await one_call(house, number=BRIDGE)
    ended = stop(house, capture)
    assert (ended["why"], ended["dropped"], ended["calls"]) == ("stopped", 0, 1)
    file = tmp_path / "call.pcap"
    code, said = await operate(house, "capture", "--get", capture["capture_id"], "--out", str(file))
    assert (code, file.read_bytes()) == (0, Path(ended["file"]).read_bytes()), said

    found = tshark.rows(file, "sip.Call-ID", "sip.CSeq.method", "sip.Status-Code", "frame.protocols")
    assert len(found) == ended["packets"]
    assert all("sip" in protocols for *_, protocols in found), "each packet is dissected as SIP"
    assert {call_id for call_id, *_ in found} == set(ours)
    flow = Counter((call_id, method, status) for call_id, method, status, _ in found)
    for call_id in ours:
        for step in (("INVITE", ""), ("INVITE", "200"), ("ACK", ""), ("BYE", ""), ("BYE", "200")):
            assert flow[call_id, *step] >= 1, (call_id, step)
    ports = tshark.rows(file, "sdp.media.port", only="sdp")
    assert len(ports) >= 4
    calls = tshark.run(file, "-q", "-z", "sip,stat")
    assert "INVITE" in calls
    assert not tshark.rows(file, "frame.number", only="_ws.malformed")


async def test_a_call_that_is_up_is_captured_from_its_first_message(house: House) -> None:
    contact = new_contact()
    async with house.voice_agent("on_cue") as bot, house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        capture = await start(house, call=contact)
        bot.cue()
        await caller.succeeds()
        await bot.succeeds()
    await house.at_rest()
    ended = stop(house, capture)
    found = tshark.rows(Path(ended["file"]), "sip.Call-ID", "sip.CSeq.method", only="sip.Method")
    assert found[0] == (caller.call_id, "INVITE")
    once = [method for _, method in set(found)]  # any may have been repeated
    assert (once.count("INVITE"), once.count("BYE")) == (2, 2)


async def test_rtp_of_both_legs_is_in_it_as_streams_without_a_gap(house: House) -> None:
    capture = await start(house, project="acme-care", rtp=True)
    async with talking(house) as talk:
        await talk.hear_each_other()
        await hear_more(talk, 60)
        talk.bot.cue()
        await talk.caller.succeeds()
    await house.at_rest()
    ended = stop(house, capture)
    assert (ended["dropped"], ended["legs_without_rtp"]) == (0, 0)
    file = Path(ended["file"])
    found = tshark.rows(file, "udp.srcport", "udp.dstport", "rtp.ssrc", "rtp.seq", "rtp.p_type", only="rtp")
    streams: dict[tuple[str, ...], list[int]] = {}
    for source, target, ssrc, number, _ in found:
        streams.setdefault((source, target, ssrc), []).append(int(number))
    long = [numbers for numbers in streams.values() if len(numbers) >= 60]
    assert len(long) == 4, "each leg, both directions"
    for numbers in long:
        assert {(after - before) & 0xFFFF for before, after in pairwise(numbers)} == {1}
    said = tshark.run(file, "-q", "-z", "rtp,streams")
    lines = [line for line in said.splitlines() if "g711U" in line]
    assert len(lines) >= 4, said
    assert all("0 (0.0%)" in line for line in lines), said


async def test_a_call_that_is_up_is_tapped_from_then_on_and_no_other_is(house: House) -> None:
    async with talking(house) as talk:
        await talk.hear_each_other()
        capture = await start(house, call=talk.contact, rtp=True)
        await hear_more(talk, 30)
        ended = stop(house, capture)
        await hear_more(talk, 5)
        talk.bot.cue()
        await talk.caller.succeeds()
    await house.at_rest()
    ports = {
        port
        for row in tshark.rows(Path(ended["file"]), "udp.port", only="!sip")
        for port in row[0].split(",")
    }
    assert str(talk.phone.port) in ports
    assert str(talk.mouth.port) in ports
    assert ended["packets"] >= 4 * 30


async def test_ctrl_c_leaves_a_file_that_wireshark_reads_though_the_call_goes_on(
    house: House, tmp_path: Path
) -> None:
    file = tmp_path / "call.pcap"
    async with talking(house) as talk:
        process = await asyncio.create_subprocess_exec(
            *(str(COMMAND), "capture", "--call", talk.contact, "--rtp", "--out", str(file)),
            *("--config", str(house.config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **SECRETS},
        )
        grown = tmp_path / "grown.pcap"

        def grows() -> bool:
            data = file.read_bytes() if file.exists() else b""
            grown.write_bytes(data)  # as it is now, with the command and the call going on
            return len(data) > 30_000 and is_whole(data)  # one write may be seen by halves

        await eventually(grows, 60, "FILE grows")
        process.send_signal(signal.SIGINT)
        said, _ = await process.communicate()
        assert (process.returncode, said.decode().count("\n")) == (130, 1), said
        await hear_more(talk, 5)
        talk.bot.cue()
        await talk.caller.succeeds()
    await house.at_rest()
    for one in (grown, file):
        methods = {method for (method,) in tshark.rows(one, "sip.CSeq.method", only="sip")}
        assert "INVITE" in methods, "what came before is in it"
        assert len(tshark.rows(one, "rtp.seq", only="rtp")) > 50
    assert len(file.read_bytes()) >= len(grown.read_bytes())
    assert house.operations("GET", "/captures").json["captures"][0]["why"] == "stopped"


async def test_a_pin_and_a_token_are_in_no_capture_and_at_debug_in_no_line(house: House) -> None:
    capture = await start(house, project="acme-care", rtp=True)
    async with talking(house) as talk:
        await talk.hear_each_other()
        for digit in (3, 7):
            await talk.phone.press(digit)
        await eventually(
            lambda: (
                {packet.payload[0] for packet in talk.mouth.packets if packet.payload_type == EVENT} == {3, 7}
            ),
            what="the voice agent gets both",
        )
        talk.bot.cue()
        await talk.caller.succeeds()
    await house.at_rest()
    ended = stop(house, capture)
    file = Path(ended["file"])
    events = {event for (event,) in tshark.rows(file, "rtpevent.event_id", only="rtpevent")}
    assert events == {str(NO_EVENT)}, "that keys were pressed is there, which ones is not"
    assert TOKEN.encode() not in file.read_bytes()
    assert tshark.rows(file, "sip.Call-ID", only='sip contains "X-PolyAi-Auth-Token: ****"')
    said = [line for line in house.agent.log.read_text().splitlines() if talk.call_id in line]
    assert any("DtmfReceived" in line for line in said), "its steps are in the log"
    for line in said:
        assert TOKEN not in line
        assert "digit" not in line


async def test_what_is_refused_is_in_the_capture_of_its_number(house: House) -> None:
    capture = await start(house, number="+9995559999")
    async with house.caller("refused", number="9995559999") as caller:
        await caller.saw("404 INVITE")
    ended = await eventually(
        lambda: (
            (found := house.operations("GET", f"/captures/{capture['capture_id']}").json)["packets"] >= 3
            and found
        ),
        what="INVITE, 404, ACK",
    )
    stop(house, capture)
    codes = [code for (code,) in tshark.rows(Path(ended["file"]), "sip.Status-Code", only="sip.Status-Code")]
    assert "404" in codes


async def test_an_operator_starts_lists_stops_and_deletes_them(house: House) -> None:
    code, said = await operate(house, "capture", "--number", "9995550100", "--minutes", "5", "--size", "1MB")
    assert code == 0, said
    name = said.split()[1]
    file = Path(said.splitlines()[-1].strip())
    assert file.exists()
    code, said = await operate(house, "capture", "--list")
    assert (code, name in said, "running" in said) == (0, True, True), said
    code, said = await operate(house, "capture", "--stop", name)
    assert (code, "has ended: stopped" in said) == (0, True), said
    code, said = await operate(house, "capture", "--delete", name)
    assert (code, file.exists()) == (0, False), said
    code, said = await operate(house, "capture", "--stop", name)
    assert (code, "there is no such capture" in said) == (1, True), said


async def test_what_can_t_be_captured_is_said_in_one_line(house: House) -> None:
    for arguments, says in (
        (("--project", "acme-cara"), "there is no project 'acme-cara'"),
        (("--project", "acme-care", "--minutes", "600"), "capture.longest"),
        (("--project", "acme-care", "--size", "9GB"), "capture.size"),
        (("--project", "acme-care", "--size", "much"), "is not a size"),
        (("--number", "none"), "is no number"),
    ):
        code, said = await operate(house, "capture", *arguments)
        assert (code, says in said, said.count("\n")) == (1, True, 1), said
    running = [await start(house, project="acme-care") for _ in range(2)]
    code, said = await operate(house, "capture", "--project", "acme-care", "--json")
    assert (code, "2 captures are under way" in said) == (1, True), said
    for capture in running:
        stop(house, capture)


async def test_it_is_in_the_metrics(house: House) -> None:
    since = house.watch()
    capture = await start(house, project="acme-care")
    assert since.moved("handoff_captures_active") == 1
    stop(house, capture)
    assert json.loads(house.operations("GET", "/captures").text)["captures"][0]["why"] == "stopped"
