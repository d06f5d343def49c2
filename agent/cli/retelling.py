# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsed call in text: what is to be shown, the time line of all parties, and what was heard. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from agent.cli.wording import cut, printable
from agent.core.headers import Message
from agent.core.methods import Method, OnFailure
from agent.core.records import Way
from agent.simulators.combination import Combination
from agent.simulators.evidence import QUEUE, VOICE_AGENT, Evidence
from agent.simulators.hearing import Heard
from agent.simulators.wire import Dialog

_ASKS: Final = {
    Way.HTTP: "over the handoff API",
    Way.REFER: "by REFER on its leg",
    Way.INFO: "by INFO with JSON on its leg",
    Way.BYE: "by BYE with headers",
}
_BACK: Final = {
    Method.RELEASE: "is released: the contact centre takes the call back",
    Method.REFER: "is sent to a queue by REFER",
    Method.BRIDGE: "is bridged to a human queue on a third leg",
}
_FAILURE: Final = {
    OnFailure.RELEASE: "goes back all the same, and {back}",
    OnFailure.REFER: "is sent to a queue by REFER",
    OnFailure.KEEP: "stays with the voice agent, which is told",
}
_WORTH_READING: Final = ("refer-to", "referred-by")
_SHORT: Final = 160
_CLICK_SECONDS: Final = 0.2


def opening(shown: Combination, seconds: float, copy: Path | None) -> Iterator[str]:
    """What is going to happen. `copy` is the configuration made for it, where the user's own did not fit."""
    back, failure = _BACK[shown.back], shown.on_signal_failure
    if failure is not None:
        back = f"NICE refuses the signal, and the caller {_FAILURE[failure].format(back=back)}"
    else:
        back = f"the caller {back}"
    yield f"The voice agent asks for a handoff {_ASKS[shown.ask]}; {back}."
    if shown.finish_prompt:
        yield "It goes on speaking after it has asked, and may finish before NICE is told."
    if shown.refer_refused:
        yield "The contact centre declines the REFER, so the caller is released."
    if copy is not None:
        yield f"The configuration says otherwise, so a copy of it is used: {copy}"
    parts = (
        "the CXone simulator, the voice agent, the human queue"
        if shown.bridges
        else "the CXone simulator, the voice agent"
    )
    yield f"Starting {parts} and the agent; then a call of about {math.ceil(seconds)} seconds."


def report(evidence: Evidence, copy: Path, folder: Path) -> Iterator[str]:
    """The story on one time line, and what was heard.

    Args:
        evidence: the call.
        copy: the configuration that was used.
        folder: the one that the user knows.
    """
    yield f"\nThe story of call {evidence.call_id}, contact {evidence.contact_id}"
    yield from _legs(evidence)
    yield ""
    began = min(entry["when"] for entry in evidence.story)
    for when, kind, text in sorted(_entries(evidence)):
        yield f"  {when - began:+8.3f}  {kind:<9}{text.replace(str(copy), str(folder))}"
    yield "\nWhat was heard"
    yield from _heard(evidence)


def _legs(evidence: Evidence) -> Iterator[str]:
    yield "  caller  the contact centre (SIPp)"
    yield f"  agent   the voice agent, {':'.join(map(str, evidence.voice_agent_place))}"
    if evidence.queue_dialog is not None:
        yield f"  target  the human queue, {evidence.queue_uri}"


def _entries(evidence: Evidence) -> Iterator[tuple[float, str, str]]:
    for entry in evidence.story:
        yield entry["when"], entry["kind"], entry["text"]
    for one in evidence.signals:
        values = " ".join(f"{name}={value!r}" for name, value in one["parameters"].items() if value)
        yield one["received"], "cxone", f"received: {values} → {one['status']}"
    for one in evidence.voice_agent:
        if text := _in_words(one):
            yield one["when"], "told", f"agent  {printable(text)}"
    for side, dialog in _dialogs(evidence):
        for said in dialog.said:
            if text := _inside(said.message, to_queue=side == "target"):
                yield said.when, "inside", f"{side:<6} {printable(text)}"


def _dialogs(evidence: Evidence) -> Iterator[tuple[str, Dialog]]:
    """The dialogs by the name that the story has for them."""
    named = (
        ("caller", evidence.wire.caller),
        ("agent", evidence.agent_dialog),
        ("target", evidence.queue_dialog),
    )
    return ((side, dialog) for side, dialog in named if dialog is not None)


def _inside(message: Message, *, to_queue: bool) -> str:
    """What a request says that matters at a handoff: the time line has only its first line."""
    match message.method:
        case "NOTIFY":
            return f"NOTIFY says {message.body.strip()}"
        case "INFO":
            return f"INFO says {cut(message.body, _SHORT)}"
        case "REFER" | "BYE":
            pass
        case "INVITE" if to_queue:
            pass
        case _:
            return ""
    headers = [
        f"{name}: {cut(value, _SHORT)}"
        for name, value in message.headers
        if name in _WORTH_READING or name.startswith("x-")
    ]
    return f"{message.method} with {'; '.join(headers)}" if headers else ""


def _in_words(told: Mapping[str, Any]) -> str:
    """What the voice agent reported of itself; ``""`` where that is on the time line already."""
    match told["event"]:
        case "asked":
            return f"asks for a handoff by {told['way'].upper()}"
        case "handed_off":
            return f"is answered {told['status']}: {json.dumps(told['answer'])}"
        case "handoff_failed":
            return f"can't ask the handoff API: {told['error']}"
        case "transfer":
            return f"is told {told['status']} of its REFER"
        case "informed":
            return f"is told by INFO: {json.dumps(told['body'])}"
        case "silent":
            return "falls silent"
        case "keeps_caller":
            return "keeps the caller, and speaks on"
    return ""


def _heard(evidence: Evidence) -> Iterator[str]:
    for who, told in ((VOICE_AGENT, evidence.voice_agent), (QUEUE, evidence.queue)):
        for over in (one for one in told if one["event"] == "over"):
            yield _line(who, over["rtp"]["received"], over["rtp"]["lost"], Heard(**over["heard"]))
    ear = evidence.wire.ear
    yield _line("caller", len(ear.frames), ear.lost, ear.heard())
    began = ear.frames[0][0] if ear.frames else 0.0
    for name, part in sorted(evidence.heard.items(), key=lambda item: item[1].first):
        if name or part.seconds > _CLICK_SECONDS:
            span = f"from {part.first - began:6.2f} s to {part.last - began:6.2f} s"
            yield f"    {name or 'unknown':<14}{span}: {part.seconds:.2f} s of sound"


def _line(who: str, packets: int, lost: int, heard: Heard) -> str:
    return (
        f"  {who:<12}{packets} RTP packets, {lost} lost; {heard.audible_seconds:.1f} s of sound in "
        f"{heard.seconds:.1f} s, loudest {heard.loudest:.0f} dBFS"
    )
