# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcript of a call as NICE's transcript store (TMS) takes it: its body, composed. Pure.

``POST {api_endpoint}/aai/tms/transcripts/post``, as NICE's own Cognigy extension fills it in: filed under the
master contact; each ``messageBody`` a text; times in UTC with milliseconds and without a zone; items without
text left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from agent.core.frozen import FrozenDict
from agent.core.model.project import Project
from agent.core.moments import Moment
from agent.core.records import CallRecord, Channel, Signal

USEFUL_SECONDS: Final = 86_400.0
"""How long a transcript that could not be posted is tried again."""

# JSON can carry them, but no text has them; what a gateway at NICE would make of them nobody says.
_NO_TEXT: Final = re.compile("[\x00\ud800-\udfff]")


class Speaker(StrEnum):
    """Who said it, in NICE's words."""

    BOT = "Bot"
    PATRON = "Patron"


@dataclass(frozen=True, slots=True)
class Line:
    """What one of the two said; ``at`` in seconds since the epoch, None where nobody took the time."""

    speaker: Speaker
    text: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a call.

    Attributes:
        lines: in the order in which it was said.
        escalated: whether a human went on; else the voice agent contained the call.
        details: why it ended so.
        summary: what it was about.
    """

    lines: Sequence[Line]
    escalated: bool = False
    details: str = ""
    summary: str = ""


def compose(
    project: Project, call: CallRecord, transcript: Transcript, signal_id: str, now: float
) -> Signal | None:
    """Make the entry of the outbox that brings a transcript to NICE.

    Args:
        project: of the call.
        call: the call, with its master contact.
        transcript: what was said.
        signal_id: the entry's id.
        now: seconds since the epoch.

    Returns:
        The entry, or None when the project posts no transcripts, or the call has no master contact.
    """
    tenant = project.cxone
    if tenant is None or tenant.transcripts is None or not call.master_id:
        return None
    body = {
        "vendorId": tenant.transcripts.vendor_id,
        "busId": tenant.business_unit,
        "virtualAgentId": tenant.transcripts.virtual_agent_id,
        "contactId": call.master_id,
        "contactState": "SELF_SERVICE",
        "mediaType": "Voice",
        "selfServiceSessionDetails": {
            "transcriptPublishSettingOption": "PUBLISH_TRANSCRIPTS_ONLY",
            "sessionCompletionType": "ESCALATED" if transcript.escalated else "CONTAINED",
            "sessionCompletionDetails": _clean(transcript.details),
            "transcriptSummary": _clean(transcript.summary),
            "transcripts": _items(transcript.lines, call.began if call.answered is None else call.answered),
        },
    }
    return Signal(
        signal_id=signal_id,
        call_id=call.call_id,
        account=call.account,
        project=call.project,
        contact_id=call.master_id,
        moment=Moment.HANDOFF if transcript.escalated else Moment.COMPLETED,
        parameters=FrozenDict({"body": json.dumps(body, ensure_ascii=False)}),
        recorded=now,
        expires=now + USEFUL_SECONDS,
        channel=Channel.TRANSCRIPT,
    )


def _items(lines: Sequence[Line], began: float) -> list[dict[str, str]]:
    """The lines with a text; one without a time has that of the one before it, the first the start's."""
    items, at = [], began
    for line in lines:
        at = at if line.at is None else line.at
        if text := _clean(line.text).strip():
            items.append(
                {
                    "participantId": line.speaker.value,
                    "messageBody": text,
                    "messageContentType": "TRANSCRIPT",
                    "utcDateTime": _utc(at),
                }
            )
    return items


def _clean(text: str) -> str:
    return _NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
