# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent test-call``: calls a project's voice agent as a caller would, and says how that went."""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent.cli.configuration import COULD_NOT_RUN, DONE, FOUND_WRONG, read_or_explain
from agent.cli.operations import Operations
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_config, add_json, add_operations
from agent.cli.where import node_asked
from agent.core.errors import AgentError
from agent.core.model import Project, Snapshot
from agent.core.synthetic import FAILED, PASSED, UNCLEAR, Order, Result
from agent.core.synthetic_order import order_for
from agent.core.through import Way, signals_to_nice, through
from agent.telemetry.logs import silent

_DIGITS: Final = frozenset("0123456789*#")
_LONGEST_WAIT: Final = 300.0
_SETTLED_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.2
_EXITS: Final = {PASSED: DONE, FAILED: FOUND_WRONG, UNCLEAR: 3}
_EXAMPLE: Final = f"""examples:
  handoff-agent test-call acme-care
  handoff-agent test-call acme-care --speak question.wav --digits 12
  handoff-agent test-call acme-care --through 9995550100     as a carrier's call: map, token, signals

Straight to the voice agent it is no call of the agent's: nothing is recorded, counted or signalled. Through
our own edge it is a whole one. Its INVITE has the header X-Handoff-Test: 1.
{EXIT_CODES}, 3 nothing found wrong, but it talks without a pause:
whether it hears can't be told"""


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "test-call",
        summary="call a project's voice agent as a caller would, and say how that went",
        description="Dial the project's voice agent, listen, speak, press a digit, hang up: who answers, how "
        "fast, is it heard, does it hear?",
        epilog=_EXAMPLE,
    )
    option = parser.add_argument
    option("project", action=Needed, metavar="PROJECT", help="whose voice agent")
    option("--through", action=Needed, metavar="NUMBER", help="dial this number of the running agent instead")
    option(
        "--contact",
        action=Needed,
        metavar="ID",
        help="with --through: the contact id of the call; needed where signals go to NICE itself",
    )
    option(
        "--wait",
        type=float,
        metavar="SECONDS",
        help="for its greeting, and for its answer to us (default: synthetic.wait of the project, or 10)",
    )
    option("--speak", type=Path, metavar="WAV", help="what is said (PCM); a question in English by default")
    option(
        "--digits",
        default="1",
        metavar="DIGITS",
        help="keys that are pressed at the end (default 1; '' for none)",
    )
    add_config(parser)
    add_operations(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make the call. Returns the exit code: 0 all is well, 1 something is wrong, 3 it can't be told."""
    snapshot = read_or_explain(options.config, options.instance)
    if snapshot is None:
        return COULD_NOT_RUN
    project = snapshot.projects.get(options.project)
    if project is None:
        known = ", ".join(sorted(snapshot.projects))
        raise AgentError(f"unknown project {options.project}: the configuration has {known}")
    order = _with_options(order_for(snapshot, project, random.random), options)
    way = _way(options, snapshot, project, order)
    with silent():
        result = asyncio.run(_made(order, way, options))
    for line in [result.to_json()] if options.json else _report(result, way):
        print(line)
    return _EXITS[result.verdict]


def _with_options(order: Order, options: argparse.Namespace) -> Order:
    if not _DIGITS.issuperset(options.digits):
        raise AgentError(f"--digits {options.digits}: a key is one of 0 to 9, * and #")
    wait = order.patience if options.wait is None else options.wait
    if not 0 < wait <= _LONGEST_WAIT:
        raise AgentError(f"--wait {wait:g}: write seconds, more than 0 and {_LONGEST_WAIT:g} at most")
    return replace(order, patience=wait, digits=options.digits, speech=str(options.speak or ""))


def _way(options: argparse.Namespace, snapshot: Snapshot, project: Project, order: Order) -> Way | None:
    if options.through is None:
        if options.contact:
            raise AgentError("--contact needs --through")
        return None
    if options.contact is None and signals_to_nice(project):
        raise AgentError(
            f"signals of {project.project} go to NICE itself: --contact ID names a contact that you placed "
            "for this, or let cxone.issuer be the simulator's (handoff-agent simulate cxone)"
        )
    contact = options.contact or str(time.time_ns() // 1_000_000)
    return through(order, snapshot, project, options.through, contact)


async def _made(order: Order, way: Way | None, options: argparse.Namespace) -> Result:
    from agent.simulators.synthetic import Caller  # noqa: PLC0415 - the other commands need no SIP stack

    if way is None:
        return await Caller(order).call()
    node = Operations(*node_asked(options))
    await asyncio.to_thread(node.ask, "GET", "healthz")  # before anything is dialled: does it run?
    found: list[str] = []
    result = await Caller(way.order, found.append).call()
    if not found:
        return replace(result, wrong=(*result.wrong, *await asyncio.to_thread(_refusals, node)))
    more, wrong = await asyncio.to_thread(_as_the_node_saw_it, node, way.contact_id)
    return replace(result, more=tuple(more), wrong=(*result.wrong, *wrong))


def _refusals(node: Operations) -> list[str]:
    """Why the newest call was refused, where the agent says it."""
    refused = node.get("calls", "refused")["refused"]
    newest = refused[0] if refused and time.time() - refused[0]["when"] < _SETTLED_SECONDS else None
    return [f"our edge refused it: {newest['code']}, {newest['detail']}"] if newest else []


def _as_the_node_saw_it(node: Operations, contact_id: str) -> tuple[list[str], list[str]]:
    """What the agent tells of the call, and what is wrong with its signals once they are settled."""
    until = time.monotonic() + _SETTLED_SECONDS
    while True:
        signals = node.get("signals", contact=contact_id)["signals"]
        open_ones = [one for one in signals if one["state"] in ("recorded", "sending")]
        if not open_ones or time.monotonic() > until:
            break
        time.sleep(_LOOK_SECONDS)
    told = [f"signal {one['moment']}: {one['state']}" for one in reversed(signals)]
    wrong = [
        f"the {one['moment']} signal is {one['state']}: handoff-agent signals show {one['signal_id']}"
        for one in signals
        if one["state"] not in ("accepted", "cancelled")
    ]
    if signals:
        story = node.get("calls", signals[0]["call_id"], "story")["story"]
        lines = [entry["text"] for entry in story]
        told = [line for line in lines if line.startswith(("admitted:", "dial "))] + told
        told.append(f"all of it: handoff-agent explain {signals[0]['call_id']}")
    else:
        told.append(f"no signal: handoff-agent explain {contact_id}")
    return told, wrong


def _report(result: Result, way: Way | None) -> Iterator[str]:
    """The result for people."""
    if way is not None:
        yield f"{result.project}, {way.told}, contact {way.contact_id}"
    for uri, said in result.tried:
        if said != "answered":
            yield f"  {uri}: {said}"
    if result.answered_by:
        yield f"{result.project}: {result.answered_by} answered after {result.answered_after:.2f} s"
        yield from (f"  {what:<14}{how}" for what, how in _rows(result))
    yield from (f"  {line}" for line in result.more)
    yield from (f"wrong: {line}" for line in result.wrong)
    yield from (f"unclear: {line}" for line in result.unclear)
    if result.passed:
        yield "all is well"


def _rows(result: Result) -> Iterator[tuple[str, str]]:
    first = result.first_audio
    yield "first audio", "none" if first is None else f"{first:.2f} s after the answer"
    if result.response_gap is not None:
        yield "response", f"{result.response_gap:.2f} s after we had spoken"
    else:
        yield "response", "it talked on: can't be told" if result.talked_on else "none"
    back = "" if result.round_trip is None else f", round trip {result.round_trip * 1000:.1f} ms"
    yield (
        "audio in",
        f"{result.received} packets, {result.lost} lost, {result.discarded} too late, "
        f"jitter {result.jitter * 1000:.1f} ms{back}"
        + ("" if result.mos is None else f", MOS {result.mos:.1f}"),
    )
    yield "audio out", f"{result.sent} packets, {result.lost_by_peer} lost by its reports"
    if result.dtmf:
        yield "DTMF", result.dtmf
