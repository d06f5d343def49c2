# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks: what a customer's own system is told of handoffs and ends of calls, and how that is signed.

The body is made once, when the handoff or the end is recorded, and is the same at every attempt. The
signature is made anew for each, with the time of that attempt: who keeps a copy of a request can't send it
much later.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Final

from agent.core.frozen import NOTHING, FrozenDict
from agent.core.instants import iso
from agent.core.model.project import Project
from agent.core.moments import Moment
from agent.core.reasons import End
from agent.core.record_form import Finished, as_record
from agent.core.records import CallRecord, Channel, Handoff, Signal

HANDOFF: Final = "handoff"
"""The event of a handoff."""
CALL_ENDED: Final = "call.ended"
"""The event of a call's end."""
ID_HEADER: Final = "X-Handoff-Id"
"""The handoff's id, of a call's end the call's: a receiver that knows it already was told before."""
TIMESTAMP_HEADER: Final = "X-Handoff-Timestamp"
"""When this attempt was made, in whole seconds since the epoch."""
SIGNATURE_HEADER: Final = "X-Handoff-Signature"
"""``v1=`` and the HMAC-SHA256, in hex, of the timestamp, a dot and the body, under the webhook's secret."""


def compose(
    project: Project,
    handoff: Handoff,
    call: CallRecord,
    signal_id: str,
    now: float,
    *,
    labels: Mapping[str, str] = NOTHING,
) -> Signal | None:
    """Make the entry of the outbox that tells of a handoff.

    Args:
        project: of the call.
        handoff: what the voice agent said.
        call: the call that is handed off.
        signal_id: the entry's id.
        now: seconds since the epoch.
        labels: those of the number that was called.

    Returns:
        The entry, or None when the project has no webhook, or one that tells of no handoffs.
    """
    if project.webhook is None or HANDOFF not in project.webhook.events:
        return None
    return Signal(
        signal_id=signal_id,
        call_id=call.call_id,
        account=call.account,
        project=call.project,
        contact_id=call.contact_id,
        moment=Moment.HANDOFF,
        # In ASCII: a text of the voice agent may hold what is no valid Unicode.
        parameters=FrozenDict({"body": json.dumps(_told(handoff, call, labels))}),
        recorded=now,
        expires=now + project.webhook.ttl,
        channel=Channel.WEBHOOK,
    )


def _told(handoff: Handoff, call: CallRecord, labels: Mapping[str, str]) -> dict[str, object]:
    return {
        "event": HANDOFF,
        "id": handoff.handoff_id,
        "call_id": call.call_id,
        "contact_id": call.contact_id,
        "master_id": call.master_id,
        "account": call.account,
        "project": call.project,
        "number": call.number,
        "labels": dict(labels),
        "destination": handoff.destination,
        "skill": handoff.skill,
        "reason": handoff.reason,
        "shared_id": handoff.shared_id,
        "data": dict(handoff.data),
        "way": handoff.way.value,
        "asked": iso(handoff.asked),
    }


def tells_of_ends(project: Project) -> bool:
    """Whether the project wants to be told of each call that is over."""
    return project.webhook is not None and CALL_ENDED in project.webhook.events


def compose_end(project: Project, finished: Finished, now: float) -> Signal | None:
    """Make the entry of the outbox that tells of a call's end.

    Its id follows from the call's: the storage takes one for each call, whoever ends it and however often.

    Args:
        project: of the call.
        finished: the call; its record is the body.
        now: seconds since the epoch.

    Returns:
        The entry, or None when the project does not want it.
    """
    if project.webhook is None or not tells_of_ends(project):
        return None
    call = finished.call
    told = {"event": CALL_ENDED, "id": call.call_id, "record": as_record(finished)}
    return Signal(
        signal_id=f"e-{call.call_id.removeprefix('c-')}",
        call_id=call.call_id,
        account=call.account,
        project=call.project,
        contact_id=call.contact_id,
        # An entry of the outbox has one; that of a caller who hung up is none of the script's.
        moment=Moment.COMPLETED if call.end == End.CALLER.value else Moment(call.end),
        parameters=FrozenDict({"body": json.dumps(told)}),  # in ASCII, as above
        recorded=now,
        expires=now + project.webhook.ttl,
        channel=Channel.WEBHOOK,
    )


def headers(body: str, secret: str, now: float) -> dict[str, str]:
    """The headers of one attempt.

    Args:
        body: as `compose` made it.
        secret: the webhook's.
        now: the time of the attempt, in seconds since the epoch.

    Raises:
        ValueError: the body is none of ours.
    """
    told = json.loads(body)
    if not isinstance(told, dict):
        raise ValueError("the body of a webhook is a JSON object")  # noqa: TRY004 - one error for any such body
    timestamp = str(int(now))
    return {
        "Content-Type": "application/json",
        ID_HEADER: str(told.get("id", "")),
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: signature(secret, timestamp, body.encode()),
    }


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What a receiver computes as well and compares, in constant time, with the header it got."""
    key, message = secret.encode(), timestamp.encode() + b"." + body
    return "v1=" + hmac.new(key, message, hashlib.sha256).hexdigest()
