# SPDX-License-Identifier: GPL-3.0-or-later
"""A voice agent posts a transcript: of its own project's call, live or over, once per master contact."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from agent.calls import transcripts
from agent.core.model.project import Project
from agent.core.moments import SignalState
from agent.core.records import CallRecord, Channel, Signal
from agent.delivery.courier import Courier
from agent.delivery.queries import SignalQuery
from agent.delivery.sqlite import SqliteStore
from agent.http.models import TranscriptRequest
from agent.http.ports import (
    AlreadyPosted,
    NoMasterContact,
    NoSuchCall,
    NotConfigured,
    TranscriptAccepted,
    TranscriptOutcome,
)

CALL = CallRecord(
    *("c-1", "edge-1", "nice-na1", "acme", "acme-care", "9995550100", "4711", "4710", "sip-1", "bridged"),
    began=1000.0,
)


class Begun:
    """A courier that only notes what it is given."""

    def __init__(self) -> None:
        self.entries: list[Signal] = []

    def begin(self, signal: Signal) -> None:
        """Note."""
        self.entries.append(signal)


def configured(*, account: str = "acme", posts: bool = True) -> Project:
    tenant = {
        "business_unit": "4591234",
        "client_id": "c",
        "client_secret": "s",
        "access_key_id": "a",
        "access_key_secret": "s",
    }
    settings = {"transcripts": {"vendor_id": "v", "virtual_agent_id": "b"}} if posts else {}
    return Project.model_validate(
        {
            "project": "acme-care",
            "account": account,
            "voice_agent": {"targets": [{"uri": "sip:bot@127.0.0.1:5070"}]},
            "cxone": tenant | settings,
        }
    )


def asked(**changes: object) -> TranscriptRequest:
    entries = [
        {"who": "bot", "text": "Hello", "at": "2027-01-15T08:00:05.250Z"},
        {"who": "patron", "text": "Hi"},
        {"who": "bot", "text": ""},
    ]
    return TranscriptRequest.model_validate({"call_id": "c-1", "entries": entries} | changes)


class Desk:
    """What the HTTP desk does."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.courier = Begun()

    async def post(self, request: TranscriptRequest, project: Project | None = None) -> TranscriptOutcome:
        """Post for a project."""
        courier = cast("Courier", self.courier)
        return await transcripts.post(self.store, courier, project or configured(), request, lambda: 2000.0)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await SqliteStore.open(tmp_path / "agent.db")
    yield Desk(store)
    await store.aclose()


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("named", [{"call_id": "c-1"}, {"call_id": "", "contact_id": "4711"}])
async def test_it_is_recorded_for_a_call_that_is_up_or_over_and_begun(
    desk: Desk, *, over: bool, named: dict[str, str]
) -> None:
    await desk.store.open_call(replace(CALL, ended=1500.0) if over else CALL, None)
    outcome = await desk.post(asked(**named, completion="escalated", details="angry", summary="a bill"))
    assert isinstance(outcome, TranscriptAccepted)
    assert outcome.state == "recorded"
    (entry,) = await desk.store.signals(SignalQuery(call_id="c-1", channel=Channel.TRANSCRIPT))
    assert desk.courier.entries == [entry]
    assert (entry.signal_id, entry.state) == (outcome.transcript_id, SignalState.RECORDED)
    body = json.loads(entry.parameters["body"])
    assert body["contactId"] == "4710"
    told = body["selfServiceSessionDetails"]
    assert (told["sessionCompletionType"], told["sessionCompletionDetails"]) == ("ESCALATED", "angry")
    assert told["transcriptSummary"] == "a bill"
    assert [
        (item["participantId"], item["messageBody"], item["utcDateTime"]) for item in told["transcripts"]
    ] == [
        ("Bot", "Hello", "2027-01-15T08:00:05.250"),
        ("Patron", "Hi", "2027-01-15T08:00:05.250"),
    ]


async def test_a_second_one_for_the_master_contact_is_refused_whatever_became_of_the_first(
    desk: Desk,
) -> None:
    await desk.store.open_call(CALL, None)
    await desk.store.open_call(replace(CALL, call_id="c-2", contact_id="4712"), None)
    first = await desk.post(asked())
    assert isinstance(first, TranscriptAccepted)
    await desk.store.update_signal(first.transcript_id, SignalState.REFUSED, None)
    assert await desk.post(asked()) == AlreadyPosted()
    assert await desk.post(asked(call_id="c-2")) == AlreadyPosted()
    assert len(desk.courier.entries) == 1


@pytest.mark.parametrize("named", [{"call_id": "c-9"}, {"call_id": "", "contact_id": "9"}])
async def test_a_call_that_is_not_the_project_s_is_not_there(desk: Desk, named: dict[str, str]) -> None:
    await desk.store.open_call(replace(CALL, call_id="c-9", contact_id="9", project="acme-sales"), None)
    assert await desk.post(asked(**named)) == NoSuchCall()
    assert await desk.post(asked(call_id="c-none")) == NoSuchCall()
    await desk.store.open_call(CALL, None)
    assert await desk.post(asked(), configured(account="other")) == NoSuchCall()


async def test_a_call_without_a_master_contact_has_no_transcript(desk: Desk) -> None:
    await desk.store.open_call(replace(CALL, master_id=""), None)
    assert await desk.post(asked()) == NoMasterContact()


async def test_a_project_that_posts_none_says_so(desk: Desk) -> None:
    await desk.store.open_call(CALL, None)
    without = Project.model_validate(configured().model_dump() | {"cxone": None})
    assert await desk.post(asked(), configured(posts=False)) == NotConfigured()
    assert await desk.post(asked(), without) == NotConfigured()
    assert desk.courier.entries == []
