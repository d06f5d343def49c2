# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""One call to take away: JSON, text, pcap, one message; masked unless it is asked for in clear."""

from __future__ import annotations

from typing import Any

import pytest

from agent.core.moments import Moment
from agent.core.records import Attempt, Signal
from agent.http.call_finder import About, SipMessage
from agent.telemetry.pcap import HEADER
from tests.core.examples import record

CALL = {**record().shown(), "live": True}
INVITE = (
    b"INVITE sip:9995550100@edge SIP/2.0\r\nCall-ID: abc@peer\r\nCSeq: 1 INVITE\r\n"
    b"X-Token: s3cret\r\nX-ContactID: 4711001122\r\nContent-Length: 0\r\n\r\n"
)
STORY = [
    {
        "when": 10.0,
        "kind": "sip",
        "text": "caller → us INVITE sip:9995550100@edge SIP/2.0 [1 INVITE] udp 192.0.2.1:5060",
        "position": 7,
    }
]


@pytest.fixture
def known(desk: Any) -> About:
    """A call with one message."""
    ids = ("s-1", "c-1", "acme", "care", "4711")
    tried = (Attempt(11.0, 11.2, "accepted", 202),)
    signal = Signal(*ids, Moment.HANDOFF, {"p1": "said"}, 11.0, 131.0, attempts=tried)
    found = About(CALL, STORY, [signal])
    desk.finder.known["c-1"] = found
    desk.finder.kept["c-1"] = [
        SipMessage(7, 10_000_000, True, "udp", "192.0.2.1:5060", "192.0.2.9:5060", INVITE),  # noqa: FBT003
        SipMessage(8, 11_000_000, False, "udp", "192.0.2.1:5060", "192.0.2.9:5060", None),  # noqa: FBT003
    ]
    desk.finder.token_headers = {"x-token"}
    return found


@pytest.mark.usefixtures("known")
async def test_a_call_as_json(operations: Any) -> None:
    status, told, headers = await operations("GET", "/calls/c-1/call.json")
    assert (status, headers["Content-Disposition"]) == (200, 'attachment; filename="c-1.json"')
    assert told["call"]["number"] == "********00"
    assert [step["label"] for step in told["ladder"]["steps"]][:2] == ["INVITE", "handoff signal recorded"]
    assert "9995550100" not in str(told)
    assert "said" not in str(told["outbox"])
    whole, gone = told["messages"]
    assert whole["whole"].startswith("INVITE sip:********00@edge SIP/2.0\r\n")
    assert "X-ContactID: 4711001122" in whole["whole"]
    assert (gone["whole"], gone["position"]) == (None, 8)
    _, told, _ = await operations("GET", "/calls/c-1/call.json?numbers=shown")
    assert told["call"]["number"] == "9995550100"
    assert "INVITE sip:9995550100@edge" in told["messages"][0]["whole"]
    assert "s3cret" not in str(told)


@pytest.mark.usefixtures("known")
async def test_a_call_as_text(operations: Any) -> None:
    status, text, headers = await operations("GET", "/calls/c-1/call.txt")
    assert (status, headers["Content-Type"].partition(";")[0]) == (200, "text/plain")
    assert "sip        Caller → edge-1: INVITE sip:********00@edge SIP/2.0" in text
    assert "signal     NICE → edge-1: handoff signal, try 1: HTTP 202: NICE took it in" in text
    assert "9995550100" not in text


@pytest.mark.usefixtures("known")
async def test_its_sip_messages_as_pcap_as_long_as_they_were(operations: Any) -> None:
    async with operations.raw("GET", "/calls/c-1/call.pcap") as answer:
        body = await answer.read()
    assert answer.status == 200
    assert body.startswith(HEADER)
    assert len(body) == len(HEADER) + 16 + 28 + len(INVITE)
    assert b"INVITE sip:********00@edge SIP/2.0\r\n" in body
    assert b"s3cret" not in body


@pytest.mark.usefixtures("known")
async def test_one_message_whole(operations: Any) -> None:
    status, text, _ = await operations("GET", "/calls/c-1/messages/7")
    assert (status, text.splitlines()[0]) == (200, "INVITE sip:********00@edge SIP/2.0")
    status, answer, _ = await operations("GET", "/calls/c-1/messages/8")
    assert (status, answer["error_message"]) == (
        404,
        "this message is not kept whole any more: newer ones took its place",
    )
    assert (await operations("GET", "/calls/c-1/messages/9"))[0] == 404
    assert (await operations("GET", "/calls/c-1/messages/x"))[0] == 404


@pytest.mark.parametrize("path", ["call.json", "call.txt", "call.pcap", "messages/7"])
async def test_a_call_that_nobody_knows_has_no_files(operations: Any, path: str) -> None:
    status, answer, _ = await operations("GET", f"/calls/c-none/{path}")
    assert status == 404
    assert "there is no such call" in answer["error_message"]


@pytest.mark.usefixtures("known")
async def test_where_no_message_is_kept_there_is_no_pcap(operations: Any, desk: Any) -> None:
    desk.finder.kept.clear()
    status, answer, _ = await operations("GET", "/calls/c-1/call.pcap")
    assert (status, answer["error_message"]) == (404, "no SIP message of this call is kept whole any more")
