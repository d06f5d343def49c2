# SPDX-License-Identifier: GPL-3.0-or-later
"""The webhook of a handoff: what the customer's own system is told, and how the message is signed.

The body is made once, when the handoff is recorded, and is the same at every attempt. The signature is made
anew for each, with the time of that attempt: who keeps a copy of a request can't send it much later.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from agent.core.frozen import NOTHING, FrozenDict
from agent.core.model.project import Project
from agent.core.moments import Moment
from agent.core.records import CallRecord, Channel, Handoff, Signal

ID_HEADER: Final = "X-Handoff-Id"
"""The handoff's id: a receiver that knows it already was told before."""
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
        The entry, or None when the project has no webhook.
    """
    if project.webhook is None:
        return None
    told: dict[str, object] = {
        "event": "handoff",
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
        "asked": _iso(handoff.asked),
    }
    return Signal(
        signal_id=signal_id,
        call_id=call.call_id,
        account=call.account,
        project=call.project,
        contact_id=call.contact_id,
        moment=Moment.HANDOFF,
        # In ASCII: a text of the voice agent may hold what is no valid Unicode.
        parameters=FrozenDict({"body": json.dumps(told)}),
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


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
