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
from typing import TYPE_CHECKING, Final

from agent.cli import proof, retelling
from agent.cli.options import Commands, add_command, add_config
from agent.cli.progress import Progress
from agent.core.errors import AgentError
from agent.core.methods import Method, OnFailure
from agent.core.records import Way
from agent.settings import Mistakes, load
from agent.simulators.combination import Combination

if TYPE_CHECKING:
    from agent.simulators.evidence import Evidence
    from agent.simulators.rehearsal import Rehearsal

_PROJECT: Final = "acme-care"
_NUMBER: Final = "9995550100"
_AUDIO: Final = Path("build/audio")
_LOG_LINES: Final = 20
_EXAMPLE: Final = """examples:
  handoff-agent demo                                        asked over HTTP, the caller is released
  handoff-agent demo --ask refer --back bridge
  handoff-agent demo --ask bye --back refer --refuse-refer  falls back to release
  handoff-agent demo --ask info --on-signal-failure keep    NICE refuses the signal
  handoff-agent demo --finish-prompt
  handoff-agent demo --stay                                 leaves everything up until Ctrl-C
  make demo ARGS="--ask refer --back bridge"

exit codes: 0 all of it happened, 1 something did not, 2 could not run"""


def add(subparsers: Commands) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "demo",
        summary="a real call with audio, a signal and a handoff, all on this machine",
        description="Starts the simulators and the agent, places a call with SIPp, and prints its story. "
        "The configuration is not edited: what the handoff needs is set in a copy.",
        epilog=_EXAMPLE,
    )
    option = parser.add_argument
    add_config(parser)
    option(
        "--ask",
        choices=[str(way) for way in Way],
        default=str(Way.HTTP),
        help="how the voice agent asks for the handoff (default http)",
    )
    option(
        "--back",
        choices=[str(method) for method in Method],
        default=str(Method.RELEASE),
        help="how the caller goes back (default release)",
    )
    option(
        "--on-signal-failure",
        choices=[str(policy) for policy in OnFailure],
        help="NICE refuses the handoff signal, and this happens then",
    )
    option(
        "--finish-prompt",
        action="store_true",
        help="the voice agent goes on speaking after it asked, and may finish before NICE is told",
    )
    option("--refuse-refer", action="store_true", help="the contact centre declines the REFER (603)")
    option("--stay", action="store_true", help="leave everything up until Ctrl-C")
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    """Carry it out. Returns the exit code."""
    shown = shown_by(options)
    if why := shown.impossible():
        options.parser.error(why)
    try:
        return asyncio.run(_demo(options, shown))
    except Mistakes as mistakes:
        sys.stderr.write(f"{mistakes}\n")
        return 1


def shown_by(options: argparse.Namespace) -> Combination:
    """Which handoff the options ask for."""
    failure = options.on_signal_failure
    return Combination(
        ask=Way(options.ask),
        back=Method(options.back),
        on_signal_failure=OnFailure(failure) if failure else None,
        finish_prompt=options.finish_prompt,
        refer_refused=options.refuse_refer,
    )


async def _demo(options: argparse.Namespace, shown: Combination) -> int:
    # Imported here: the other commands need no HTTP client.
    from agent.simulators.arrangement import arranged  # noqa: PLC0415
    from agent.simulators.rehearsal import Rehearsal  # noqa: PLC0415

    for name in ("voice-agent", "human-queue"):
        if not (_AUDIO / f"{name}.wav").exists():
            raise AgentError(f"{_AUDIO / name}.wav is missing: run make setup")
    own = load(options.config)
    project = own.projects.get(_PROJECT)
    if project is None:
        raise AgentError(f"{options.config} has no project {_PROJECT}, which the demo calls")
    with tempfile.TemporaryDirectory(prefix="handoff-demo-") as work, Progress() as progress:
        folder = arranged(options.config, own, project, shown, Path(work) / "config")
        snapshot = load(folder)
        project = snapshot.projects[_PROJECT]
        rehearsal = Rehearsal(
            folder, snapshot, project, _NUMBER, shown, _AUDIO, Path(work), told=progress.tell
        )
        for line in retelling.opening(shown, rehearsal.seconds, None if folder == options.config else folder):
            print(line, flush=True)
        async with rehearsal:
            evidence = await rehearsal.call()
            progress.clear()
            for line in retelling.report(evidence, folder, options.config):
                print(line)
            missing = _judged(rehearsal, evidence)
            if options.stay:
                print("\nEverything stays up; Ctrl-C ends it.", flush=True)
                await rehearsal.stay()
    return 1 if missing else 0


def _judged(rehearsal: Rehearsal, evidence: Evidence) -> int:
    """Print the verdict; how many of its lines do not hold."""
    from agent.simulators.facts import facts_of  # noqa: PLC0415 - see _demo

    lines = list(proof.lines(evidence.shown, facts_of(evidence), rehearsal.project.handoff.comfort_audio))
    print("\nWhat happened")
    for what, happened in lines:
        print(f"  {'yes' if happened else 'NO '}  {what}")
    missing = sum(not happened for _, happened in lines)
    for line in _farewell(rehearsal, evidence, missing):
        print(line)
    return missing


def _farewell(rehearsal: Rehearsal, evidence: Evidence, missing: int) -> Iterator[str]:
    if missing:
        yield f"\n{missing} of these did not happen. The agent's log:"
        yield from rehearsal.logs.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return
    began = datetime.fromtimestamp(evidence.record["began"], UTC)
    yield f"\nAll of it happened, at {began:%Y-%m-%d %H:%M:%S} UTC. Where to look next:"
    yield "  handoff-agent demo --help           the other ways to ask, and to go back"
    yield "  handoff-agent demo --stay           the same, left up to play with"
    yield f"  {rehearsal.operations}/              its console while it is up; /metrics and /readyz beside it"
    yield "  config/numbers/acme.yaml            which number goes where; `handoff-agent route` explains"
    yield "  docs/                               configuration, operations, performance, decisions"
