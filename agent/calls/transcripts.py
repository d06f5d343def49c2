# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a transcript from a voice agent: recorded once per master contact, posted to NICE from there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from agent.core.model import Project
from agent.core.records import CallRecord
from agent.core.transcript import Line, Speaker, Transcript, compose
from agent.delivery.courier import Courier
from agent.delivery.queries import CallQuery
from agent.delivery.store import Store
from agent.http.models import TranscriptRequest
from agent.http.ports import (
    AlreadyPosted,
    NoMasterContact,
    NoSuchCall,
    NotConfigured,
    TranscriptAccepted,
    TranscriptOutcome,
)
from agent.identifiers import fresh

_SPEAKERS: Final = {"bot": Speaker.BOT, "patron": Speaker.PATRON}


async def post(
    store: Store,
    courier: Courier,
    project: Project,
    request: TranscriptRequest,
    clock: Callable[[], float] = time.time,
) -> TranscriptOutcome:
    """Record a transcript and begin to post it; no signal waits for that.

    Args:
        store: knows the calls, those that are over too, and keeps the transcript.
        courier: posts it.
        project: whose call it must be.
        request: the call, by its id or the newest of a contact, and what was said in it.
        clock: seconds since the epoch.

    Raises:
        StorageError: it could not be recorded.
    """
    if project.cxone is None or project.cxone.transcripts is None:
        return NotConfigured()
    call = await _call(store, project, request)
    if call is None:
        return NoSuchCall()
    entry = compose(project, call, _said(request), f"t-{fresh()}", clock())
    if entry is None:
        return NoMasterContact()
    recorded = await store.record_signal(entry)
    if recorded is None:
        return AlreadyPosted()
    courier.begin(recorded)
    return TranscriptAccepted(recorded.signal_id, recorded.state.value)


async def _call(store: Store, project: Project, request: TranscriptRequest) -> CallRecord | None:
    if request.call_id:
        call = await store.call(request.call_id)
    else:
        found = await store.calls(CallQuery(request.contact_id, project.project, limit=1))
        call = found[0] if found else None
    of_project = call is not None and (call.account, call.project) == (project.account, project.project)
    return call if of_project else None


def _said(request: TranscriptRequest) -> Transcript:
    return Transcript(
        lines=tuple(Line(_SPEAKERS[entry.who], entry.text, entry.at) for entry in request.entries),
        escalated=request.completion == "escalated",
        details=request.details,
        summary=request.summary,
    )
