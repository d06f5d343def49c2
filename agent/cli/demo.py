# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent demo``: a whole call on this machine, and its story."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.core.errors import AgentError
from agent.settings import Mistakes, load

if TYPE_CHECKING:
    from agent.simulators.rehearsal import Outcome, Rehearsal

_PROJECT = "acme-care"
_NUMBER = "9995550100"
_AUDIO = Path("build/audio")
_SPEECH_SECONDS = 1.0
_GAP_SECONDS = 0.06
_EXAMPLE = """example:
  handoff-agent demo
  handoff-agent demo --stay      leaves everything up until Ctrl-C

exit codes: 0 all of it really happened, 1 something did not, 2 could not run"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "demo",
        help="a real call with audio, a signal and a handoff, all on this machine",
        description="Starts the simulators and the agent, places a call with SIPp, and prints its story.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, default=Path("config"), metavar="DIR", help="default: config")
    parser.add_argument("--stay", action="store_true", help="leave everything up until Ctrl-C")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Carry it out. Returns the exit code."""
    try:
        return asyncio.run(_demo(options))
    except Mistakes as mistakes:
        sys.stderr.write(f"{mistakes}\n")
        return 1


async def _demo(options: argparse.Namespace) -> int:
    # Imported here: the other commands need no HTTP client.
    from agent.simulators.rehearsal import Rehearsal  # noqa: PLC0415

    if not (_AUDIO / "voice-agent.wav").exists():
        raise AgentError(f"there is no speech in {_AUDIO}: run make setup")
    snapshot = load(options.config)
    project = snapshot.projects.get(_PROJECT)
    if project is None:
        raise AgentError(f"{options.config} has no project {_PROJECT}: the demo calls that one")
    with tempfile.TemporaryDirectory(prefix="handoff-demo-") as work:
        rehearsal = Rehearsal(options.config, snapshot, project, _NUMBER, _AUDIO, Path(work))
        print(
            "Starting the CXone simulator, the voice agent and the agent; then a call of about ten seconds."
        )
        async with rehearsal:
            outcome = await rehearsal.call()
            for line in _report(outcome):
                print(line)
            missing = [what for what, happened in _checks(outcome) if not happened]
            for line in _farewell(rehearsal, outcome, missing):
                print(line)
            if options.stay:
                print("\nEverything stays up; Ctrl-C ends it.")
                await rehearsal.stay()
    return 1 if missing else 0


def _report(outcome: Outcome) -> Iterator[str]:
    yield f"\nThe story of call {outcome.call_id}, contact {outcome.contact_id}\n"
    began = min(entry["when"] for entry in outcome.story)
    lines = [(entry["when"], f"{entry['kind']:<9}{entry['text']}") for entry in outcome.story]
    for one in outcome.signals:
        values = " ".join(f"{name}={value!r}" for name, value in one["parameters"].items())
        lines.append((one["received"], f"{'cxone':<9}received: {values} → {one['status']}"))
    for when, text in sorted(lines):
        yield f"  {when - began:+8.3f}  {text}"
    agent = outcome.voice_agent
    yield "\nWhat was heard"
    yield _heard("voice agent", agent["rtp"]["received"], agent["rtp"]["lost"], agent["heard"])
    heard = outcome.caller_heard
    levels = {"audible_seconds": heard.audible_seconds, "seconds": heard.seconds, "loudest": heard.loudest}
    yield _heard("caller", outcome.caller_packets, outcome.caller_lost, levels)
    yield f"  longest gap between two packets to the caller: {outcome.longest_gap * 1000:.0f} ms"


def _heard(who: str, packets: int, lost: int, levels: dict[str, Any]) -> str:
    return (
        f"  {who:<12}{packets} RTP packets, {lost} lost; {levels['audible_seconds']:.1f} s of sound in "
        f"{levels['seconds']:.1f} s, loudest {levels['loudest']:.0f} dBFS"
    )


def _checks(outcome: Outcome) -> Iterator[tuple[str, bool]]:
    """What must have happened, each from the side that can tell."""
    received = {one["parameters"].get("p1", ""): one for one in outcome.signals}
    arrival = received.get("Connected", {})
    handoff = received.get("CUSTOMER_CARE", {})
    answered = outcome.record.get("answered") or 0.0
    begun = [one["when"] for one in outcome.story if one["text"].startswith("arrival begun")]
    released = [
        entry["when"]
        for entry in outcome.story
        if entry["kind"] == "sip" and "agent" in entry["text"][:6] and "us → BYE" in entry["text"]
    ]
    agent = outcome.voice_agent
    yield "SIPp's dialog went as its scenario says", outcome.exit_code == 0
    yield "the arrival signal was accepted", arrival.get("status") == 202  # noqa: PLR2004 - Accepted
    yield "its delivery was begun before the audio", bool(begun) and begun[0] < answered
    yield "the handoff signal was accepted", handoff.get("status") == 202  # noqa: PLR2004 - Accepted
    yield "no signal came twice", len(outcome.signals) == 2  # noqa: PLR2004 - arrival and handoff
    yield (
        "the voice agent was released after the handoff signal",
        bool(released) and 0 < handoff.get("received", 0) < released[0],
    )
    yield "the voice agent heard speech", agent["heard"]["audible_seconds"] > _SPEECH_SECONDS
    yield "the caller heard speech", outcome.caller_heard.audible_seconds > _SPEECH_SECONDS
    yield "no RTP packet was lost", agent["rtp"]["lost"] == 0 and outcome.caller_lost == 0
    yield "the caller was never left without audio", outcome.longest_gap <= _GAP_SECONDS
    yield "the record says handoff", outcome.record.get("end") == "handoff"


def _farewell(rehearsal: Rehearsal, outcome: Outcome, missing: list[str]) -> Iterator[str]:
    yield "\nWhat happened"
    for what, happened in _checks(outcome):
        yield f"  {'yes' if happened else 'NO '}  {what}"
    if missing:
        yield f"\n{len(missing)} of these did not happen. The agent's log:"
        yield from rehearsal.logs.read_text(errors="replace").splitlines()[-20:]
        return
    began = datetime.fromtimestamp(outcome.record["began"], UTC)
    yield f"\nAll of it really happened, at {began:%Y-%m-%d %H:%M:%S} UTC. Where to look next:"
    yield "  handoff-agent demo --stay           the same, left up to play with"
    yield f"  {rehearsal.operations}/metrics       metrics while it is up; /calls, /readyz beside it"
    yield "  config/numbers/acme.yaml            which number goes where; `handoff-agent route` explains"
    yield "  docs/                               configuration, operations, performance, decisions"
