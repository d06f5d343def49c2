# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent load``: load by SIPp with live progress, a verdict and a report."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import tempfile
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Final

from agent.cli import load_options
from agent.cli.configuration import DONE, FOUND_WRONG
from agent.cli.load_place import Place
from agent.cli.options import Commands, add_command, add_json
from agent.core.errors import AgentError
from agent.load.profiles import PROFILES, Profile

if TYPE_CHECKING:
    from agent.load.outcome import Outcome
    from agent.load.undertaking import Order, Undertaking
    from agent.load.view import View

_INTERRUPTED: Final = 130
_CODES: Final = "exit codes: 0 within all limits, 1 not, 2 could not run, 130 interrupted (with a report)"
_EXAMPLE: Final = f"""examples:
  handoff-agent load smoke                                     everything is started on this machine
  handoff-agent load signalling --rate 150 --for 1m
  handoff-agent load signalling --ramp 50..300/30s
  handoff-agent load signalling --search 50..400 --limit setup_p99=30ms
  handoff-agent load media --rate 10 --hold 30s
  handoff-agent load own --scenario mine.xml
  handoff-agent load signalling --target 127.0.0.1:5060 --number 9995550100 --token '${{env:TOKEN}}'
  handoff-agent load compare load-reports/A load-reports/B

docs/load.md: what each profile proves, and how to read a report
{_CODES}"""


def add(subparsers: Commands) -> None:
    """Add the command with one sub-command for each profile."""
    parser = add_command(
        subparsers,
        "load",
        summary="SIPp load with live progress, a verdict and a report",
        description=fill(
            "Load by SIPp. Without --target everything is started on this machine: a simulated CXone, "
            "an agent with a configuration made for it, and SIPp on both ends."
        ),
        epilog=_EXAMPLE,
    )
    kinds = parser.add_subparsers(title="profiles and more", metavar="PROFILE", required=True)
    for profile in PROFILES.values():
        _add_profile(kinds, profile)
    _add_list(kinds)
    _add_compare(kinds)


def _add_profile(kinds: Commands, profile: Profile) -> None:
    does = f"{profile.does[0].upper()}{profile.does[1:]}"
    flood = f", beside {profile.flood:g}/s that are refused" if profile.flood else ""
    parser = add_command(
        kinds,
        profile.name,
        summary=profile.does,
        description=fill(
            f"{does}: {profile.rate:g} a second for {profile.length:g} s, each "
            f"{profile.hold:g} s long{flood}. Proves: {profile.proves}. Limits: {', '.join(profile.limits)}."
        ),
        epilog=f"example: handoff-agent load {profile.name}"
        f"{' --scenario mine.xml' if profile.name == 'own' else ''} --for 1m\n\n{_CODES}",
    )
    load_options.add_arguments(parser, profile)
    add_json(parser)
    parser.set_defaults(run=run, profile=profile)


def _add_list(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "list",
        summary="what each profile does, its rate, length and limits",
        description="List the profiles.",
        epilog="example: handoff-agent load list\n\nexit codes: 0 done",
    )
    add_json(parser)
    parser.set_defaults(run=list_profiles)


def _add_compare(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "compare",
        summary="what differs between two loads, and what of it is noise",
        description="Compare two loads; the comparison is printed, and written as HTML.",
        epilog="example: handoff-agent load compare load-reports/before load-reports/after\n\n"
        "exit codes: 0 nothing is worse, 1 something is, 2 could not run",
    )
    parser.add_argument("a", type=Path, metavar="A", help="folder of the first load, or its result.json")
    parser.add_argument("b", type=Path, metavar="B", help="of the second")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the HTML file (default: comparison.html in B's folder)"
    )
    add_json(parser)
    parser.set_defaults(run=compare)


def list_profiles(options: argparse.Namespace) -> int:
    """Print every profile."""
    if options.json:
        rows = [
            {
                name: getattr(one, name)
                for name in ("name", "does", "proves", "rate", "length", "hold", "flood", "limits")
            }
            for one in PROFILES.values()
        ]
        print(json.dumps(rows))
        return DONE
    for one in PROFILES.values():
        print(f"{one.name}: {one.does}; {one.rate:g} a second for {one.length:g} s, each {one.hold:g} s")
        print(f"    proves: {one.proves}")
        print(f"    limits: {' '.join(one.limits)}")
    return DONE


def run(options: argparse.Namespace) -> int:
    """Carry a load out. Returns the exit code."""
    order = load_options.ordered(options, os.environ)
    with Place.of(options.out, options.profile.name) as place:
        return asyncio.run(_loaded(order, place.folder, plain=options.plain, as_json=options.json))


async def _loaded(order: Order, folder: Path, *, plain: bool, as_json: bool) -> int:
    # Imported here: the other commands need neither rich nor an HTTP client.
    from agent.load.undertaking import Undertaking  # noqa: PLC0415
    from agent.load.view import view  # noqa: PLC0415

    shown = view(plain=plain)
    undertaking = Undertaking(order, shown)
    with shown:
        task = asyncio.ensure_future(undertaking.carry_out())
        _end_on_signals(task, undertaking, shown)
        try:
            outcome = await task
        except asyncio.CancelledError:
            shown.say(
                "interrupted again: ended without a report"
                if undertaking.placing
                else "interrupted before there was anything to report"
            )
            return _INTERRUPTED
        except OSError as error:
            raise AgentError(
                f"the load can't keep its own files in {tempfile.gettempdir()}: {error.strerror or error}; "
                "make room, or name another folder in TMPDIR"
            ) from None
    return _kept(outcome, undertaking.errors, folder, as_json=as_json)


def _end_on_signals(task: asyncio.Future[Outcome], undertaking: Undertaking, shown: View) -> None:
    """The first signal ends the load with a report, if there is something to report; the second at once."""

    def end() -> None:
        if undertaking.stop():
            shown.say("ending the calls that are up; once more ends it without a report")
        else:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)


def _kept(outcome: Outcome, errors: bytes, folder: Path, *, as_json: bool) -> int:
    from agent.load.outcome import document  # noqa: PLC0415
    from agent.load.report import keep_all  # noqa: PLC0415

    try:
        page = keep_all(outcome, errors, folder)
    except OSError as error:
        _tell(outcome)
        raise AgentError(f"the report can't be written to {folder}: {error.strerror}; use --out") from None
    if as_json:
        print(json.dumps(document(outcome)))
    else:
        _tell(outcome)
        print(f"report: {page}")
    return outcome.code


def _tell(outcome: Outcome) -> None:
    """Print the verdict, each limit, and what went wrong."""
    for one in outcome.judged:
        mark = (
            " - " if outcome.code == _INTERRUPTED else "yes" if one.held else "NO " if one.broken else " - "
        )
        print(f"  {mark}  {one.text()}")
    for what, times in outcome.course.reasons.items():
        print(f"  {times} calls failed: {what}")
    for trouble in outcome.course.troubles:
        print(f"  SIPp, {trouble.times} times: {trouble.says}")
    if outcome.found is not None:
        for step in outcome.found.steps:
            why = "; ".join(one.text() for one in step.judged if one.broken)
            print(f"  {step.rate:g}/s {'clean' if step.clean else f'not clean: {why or step.course.why}'}")
    print(outcome.verdict)


def compare(options: argparse.Namespace) -> int:
    """Compare two loads. Returns the exit code."""
    from agent.load import comparison  # noqa: PLC0415
    from agent.load.comparing import as_data, write  # noqa: PLC0415

    a, b = comparison.read(options.a), comparison.read(options.b)
    found = comparison.compare(a, b)
    path = options.out or b.folder / "comparison.html"
    try:
        write(found, path)
    except OSError as error:
        raise AgentError(f"{path} can't be written: {error.strerror}; use --out") from None
    if options.json:
        print(json.dumps(as_data(found)))
        return FOUND_WRONG if found.worse else DONE
    if found.differs:
        print(f"not run alike: {', '.join(found.differs)}")
    for row in found.rows:
        print(f"  {row.verdict:<6}  {row.name:<16} {row.a:>24}  {row.b:>24}  {row.change:>9}")
    print(found.verdict)
    print(f"comparison: {path}")
    return FOUND_WRONG if found.worse else DONE
