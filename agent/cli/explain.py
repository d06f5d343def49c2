# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent explain CALL_ID``: the story of one call on one time line, its verdict first."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from agent.cli import legs, refused
from agent.cli.configuration import DONE, FOUND_WRONG
from agent.cli.operations import LogInError, NotRunningError, Operations, RefusedError
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_json, add_where
from agent.cli.storage import opened
from agent.cli.where import Where
from agent.cli.wording import clock, moment, printable
from agent.core.errors import AgentError, StorageError
from agent.core.records import Channel
from agent.core.verdict import telling, verdict
from agent.delivery.queries import CallQuery, SignalQuery

_EXAMPLE = f"""examples:
  handoff-agent explain c-0123456789abcdef
  handoff-agent explain 4512                          a contact id: its newest call
  handoff-agent explain 3848276298220188511@10.0.0.1  the caller's SIP Call-ID; a refused one too

{EXIT_CODES}"""

Json: TypeAlias = Mapping[str, Any]


@dataclass
class Known:
    """What is known of one call, and who knows it.

    Attributes:
        call: its record, the agent's where it is up.
        live: whether it is up; None where the agent could not be asked.
        signals: its signals, oldest first.
        posts: its webhook and transcript, oldest first.
        handoff: what the voice agent said, without its data.
        story: the time line that the agent has in memory; None when it has none.
        missing: why a part is missing, in one line.
    """

    call: dict[str, Any]
    live: bool | None = False
    signals: list[dict[str, Any]] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    handoff: dict[str, Any] | None = None
    story: list[dict[str, Any]] | None = None
    missing: str = ""


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "explain",
        summary="the story of one call: SIP, decisions, signals on one time line",
        description="Tell what happened in a call, up or over; the first line is the verdict.",
        epilog=_EXAMPLE,
    )
    parser.add_argument("id", action=Needed, metavar="CALL_ID", help="call id, contact id or SIP Call-ID")
    add_where(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Tell it. Returns the exit code."""
    where = Where.asked(options)
    try:
        known = look_up(where, options.id)
    except StorageError as error:
        return _not_a_call(where, options, unread=error)
    if known is None:
        return _not_a_call(where, options)
    sentence = verdict(known.call, known.signals, known.story, live=known.live, now=time.time())
    if options.json:
        print(json.dumps({"verdict": sentence, "source": _source(known), **asdict(known)}))
        return DONE
    for line in _in_text(known, sentence):
        print(line)
    return DONE


def _not_a_call(where: Where, options: argparse.Namespace, unread: StorageError | None = None) -> int:
    """Tell of an INVITE that was refused, of what the agent remembers, or that nobody knows it.

    Raises:
        StorageError: the record can't be read, `unread`, and the agent remembers nothing.
    """
    node, one, hint = Operations.of(where), None, ""
    try:
        one = refused.found(node.get("calls", "refused", numbers="shown")["refused"], options.id)
    except NotRunningError:
        hint = "; only a running agent could tell of a refused INVITE"
    except LogInError as error:
        if unread is not None:
            raise StorageError(f"{unread}; and {error}") from None
        hint = f"; of a refused INVITE only the agent could tell, and {error}"
    except RefusedError:
        pass  # an agent of before keeps none
    if one is None and unread is not None:
        return _remembered(node, options, unread)
    if one is None:
        text = f"no call has the call id, contact id or SIP Call-ID {printable(options.id)}{hint}"
        print(json.dumps({"error_message": text}) if options.json else text)
        return FOUND_WRONG
    story = _story(node, one["call_id"]) or []
    told = refused.paragraph(one)
    if options.json:
        print(json.dumps({"verdict": told, "source": "the running agent", "refused": one, "story": story}))
        return DONE
    for line in (told, "", refused.ids(one), *_time_line(story)):
        print(line)
    return DONE


def _remembered(node: Operations, options: argparse.Namespace, unread: StorageError) -> int:
    """Tell the story of a call that is over and whose record can't be read."""
    story = _story(node, options.id)
    if story is None:
        raise unread
    told = f"The record can't be read now ({unread}); this is what the running agent remembers of the call."
    if options.json:
        print(json.dumps({"verdict": told, "source": "the running agent", "call": None, "story": story}))
        return DONE
    for line in (told, "", *_time_line(story)):
        print(line)
    return DONE


def _story(node: Operations, call_id: str) -> list[dict[str, Any]] | None:
    """The time line that the agent has in memory; None when it has none, or does not run."""
    with suppress(RefusedError, NotRunningError, LogInError):
        found: list[dict[str, Any]] = node.get("calls", call_id, "story", numbers="shown")["story"]
        return found
    return None


def look_up(where: Where, wanted: str) -> Known | None:
    """All that the running agent and the storage know of a call.

    Raises:
        StorageError: the record can't be read, and the agent does not run or does not know the call.
        AgentError: neither can be asked.
    """
    node = Operations.of(where)
    live: list[dict[str, Any]] | None = None
    unasked = ""
    try:
        live = node.get("calls", numbers="shown")["calls"]
    except NotRunningError:
        pass
    except LogInError as error:
        unasked = f"SIP messages are missing, and whether the call is still up: {error}"
    found = next((call for call in reversed(live or []) if _is(call, wanted)), None)
    known = Known(dict(found), live=True) if found is not None else None
    try:
        known = asyncio.run(_from_record(where, wanted, known))
    except StorageError as error:
        if live is None:
            raise
        known = _without_record(node, wanted, known, error)
    if known is not None and live is not None:
        known.story = _story(node, known.call["call_id"])
    elif known is not None and unasked:
        known.live, known.missing = None, unasked
    return known


def _without_record(node: Operations, wanted: str, known: Known | None, error: StorageError) -> Known:
    """What the agent knows, which may be unable to read the record, too.

    Raises:
        StorageError: it does not know the call.
    """
    if known is None:
        try:
            known = Known(node.get("calls", wanted, numbers="shown"))
        except AgentError:
            raise error from None
    known.missing = f"the record can't be read: {error}"
    try:
        known.signals = node.get("signals", call=known.call["call_id"])["signals"][::-1]
    except AgentError:
        known.missing += "; of its signals only the time line tells"
    return known


async def _from_record(where: Where, wanted: str, known: Known | None) -> Known | None:
    from agent.delivery.listing import listing  # noqa: PLC0415 - other commands need no delivery

    async with opened(where) as store:
        if known is None:
            call = await store.call(wanted)
            if call is None:
                newest = await store.calls(CallQuery(contact_id=wanted, limit=1))
                newest = newest or await store.calls(CallQuery(sip_call_id=wanted, limit=1))
                call = newest[0] if newest else None
            if call is None:
                return None
            known = Known(asdict(call))
        call_id = known.call["call_id"]
        entries = await store.signals(SignalQuery(call_id, channel=None))
        for entry in reversed(entries):
            kept = known.signals if entry.channel is Channel.SIGNAL else known.posts
            kept.append(listing(entry))
        handoff = await store.handoff_by_key(known.call["account"], known.call["project"], handoff_id=call_id)
        if handoff is not None and handoff.call_id == call_id:
            known.handoff = {
                name: getattr(handoff, name)
                for name in ("handoff_id", "asked", "way", "destination", "skill", "shared_id", "target")
            }
    return known


def _is(call: Json, wanted: str) -> bool:
    return wanted in (call["call_id"], call["contact_id"], call["sip_call_id"])


def _source(known: Known) -> str:
    return "the running agent" if known.story is not None else "the record"


def _in_text(known: Known, sentence: str) -> Iterator[str]:
    call = known.call
    yield sentence
    yield ""
    yield (
        f"call {call['call_id']}  contact {call['contact_id'] or 'unknown'}  project {call['project']}  "
        f"number {call['number']}  carrier {call['carrier']}"
    )
    yield printable(
        f"SIP Call-ID {call['sip_call_id']}  node {call['node']}  began {moment(call['began'])} UTC"
    )
    if known.missing:
        yield f"note: {known.missing}"
    yield ""
    if known.story is not None:
        yield from _time_line(known.story)
        return
    why = "the agent was not asked" if known.missing else "no running agent has the SIP messages in memory"
    yield f"From the record ({why}):"
    for when, kind, text in sorted(_of_record(known)):
        yield f"  {clock(when)}  {kind:<11}{printable(text)}"
    for signal in (*known.signals, *known.posts):
        yield ""
        yield f"T{telling.name(signal)[1:]}, {signal['signal_id']}"
        yield from telling.story(signal)


def _time_line(story: Sequence[Json]) -> Iterator[str]:
    yield "From the running agent:"
    for entry in story:
        yield f"  {clock(entry['when'])}  {entry['kind']:<11}{printable(entry['text'])}"


def _of_record(known: Known) -> Iterator[tuple[float, str, str]]:
    call: Json = known.call
    signals: Sequence[Json] = known.signals + known.posts
    yield call["began"], "call", f"admitted: number {call['number']} of carrier {call['carrier']}"
    if call["answered"] is not None:
        yield call["answered"], "call", "the voice agent answered, and so did we"
    if known.handoff is not None:
        said = ", ".join(
            f"{name} {known.handoff[name]}"
            for name in ("destination", "skill", "shared_id", "target")
            if known.handoff[name]
        )
        way = known.handoff["way"].upper()
        yield (
            known.handoff["asked"],
            "handoff",
            f"the voice agent asked by {way} ({said or 'nothing else said'})",
        )
    for signal in signals:
        kind: str = signal["channel"]
        of = "" if kind != Channel.SIGNAL.value else f"{signal['moment']} "
        yield signal["recorded"], kind, f"{of}recorded"
        for attempt in signal["attempts"]:
            yield attempt["ended"], kind, f"{of.strip() or 'answer'}: {telling.nice_said(attempt)}"
    for leg in call.get("legs", ()):  # an agent of before tells of none
        yield call["ended"] or call["began"], "audio", legs.in_words(leg)
    if call["ended"] is not None:
        yield call["ended"], "call", f"over: {call['end']}, {call['reason']}"
