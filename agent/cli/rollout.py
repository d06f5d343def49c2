# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent rollout``: every node of a fleet takes one configuration, or all keep what they held."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.cli.configuration import DONE, FOUND_WRONG, read_or_explain
from agent.cli.operations import Operations
from agent.cli.options import EXIT_CODES, Commands, add_command, add_config, add_json, add_why
from agent.cli.rollout_node import Member
from agent.cli.rollout_steps import Rollout
from agent.cli.side_by_side import side_by_side
from agent.cli.where import Where
from agent.core.errors import AgentError
from agent.core.model import Snapshot

_INTERRUPTED: Final = 130
_DEADLINE: Final = 120.0
_WATCHED: Final = 10.0
_EXAMPLE: Final = f"""examples:
  handoff-agent rollout --dry-run
  handoff-agent rollout --why "new numbers of acme"
  handoff-agent rollout --first edge-3 --watch 60
  handoff-agent rollout --only edge-2         a node that was away

The files must be on each node already; this folder says which ones. The first node takes them alone and is
watched, then all others; when one refuses or does not answer in time all go back to what they held. No call
is touched.
{EXIT_CODES}, 130 interrupted"""


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "rollout",
        summary="have every node of the fleet take one configuration, or none",
        description="Check this folder, compare it with what each node of fleet.nodes has on its disk and in "
        "force, have them take it and wait until all hold its fingerprint. All or none.",
        epilog=_EXAMPLE,
    )
    parser.add_argument("--dry-run", action="store_true", help="say what it would change, and change nothing")
    parser.add_argument("--only", action="append", metavar="NODE", help="this node alone; may be repeated")
    parser.add_argument("--first", metavar="NODE", help="takes it before the others (default: the first one)")
    parser.add_argument(
        "--watch",
        type=_seconds,
        default=_WATCHED,
        metavar="SECONDS",
        help="how long the first is watched before the others follow (default: %(default)g)",
    )
    parser.add_argument(
        "--deadline",
        type=_seconds,
        default=_DEADLINE,
        metavar="SECONDS",
        help="how long nodes are waited for, before and after they are told (default: %(default)g each)",
    )
    parser.add_argument("--yes", action="store_true", help="also when most of the numbers go (reload_guard)")
    add_why(parser)
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86_400:  # noqa: PLR2004 - a day
        raise AgentError(f"{text!r} is no number of seconds: write 0 to 86400")
    return value


def run(options: argparse.Namespace) -> int:
    """Roll it out. Returns the exit code."""
    snapshot = read_or_explain(options.config)
    if snapshot is None:
        return FOUND_WRONG
    members = _chosen(snapshot, options.config, options.only, options.first)
    rollout = Rollout(members, snapshot.shared_shown, options.deadline, yes=options.yes, why=options.why)
    with _terminated_as_interrupted():
        try:
            ending = _ending(rollout, options)
        except KeyboardInterrupt:
            rollout.stop.set()
            side_by_side(Member.seen, members)
            for one in (one for one in members if one.told and one.holds == one.before != rollout.target):
                one.said = f"it was told to take {rollout.target}, and may yet"
            text = "interrupted: nothing more is told to any node; once more goes on from here"
            ending = _Ending("interrupted", text, _INTERRUPTED)
    if options.json:
        print(json.dumps(_as_json(rollout, ending)))
    else:
        print("\n".join(_lines(rollout, ending)))
    return ending.code


@dataclass(frozen=True, slots=True)
class _Ending:
    result: str
    text: str
    code: int


def _ending(rollout: Rollout, options: argparse.Namespace) -> _Ending:
    """All steps, in order."""
    target, count = rollout.target, len(rollout.members)
    if not rollout.look(_say):
        return _Ending("refused", "nothing was changed on any node", FOUND_WRONG)
    if not options.json:
        print("\n".join(rollout.changes()))
    if options.dry_run:
        return _Ending("dry_run", f"a dry run: nothing was changed; they would take {target}", DONE)
    why = rollout.take(options.watch, _say)
    if why is None:
        return _Ending("done", f"{_all(count)} {target}", DONE)
    _say(f"{why}: all go back to what they held")
    if rollout.back(why):
        return _Ending("rolled_back", f"rolled back: {why}", FOUND_WRONG)
    return _Ending("differing", f"NOT all could be taken back: {why}", FOUND_WRONG)


def _all(count: int) -> str:
    return "the node holds" if count == 1 else f"all {count} nodes hold"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM leaves a word on who holds what, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _chosen(snapshot: Snapshot, folder: Path, only: Sequence[str] | None, first: str | None) -> list[Member]:
    """The nodes that are told, the one that goes first at the front."""
    fleet = snapshot.agent.fleet
    if fleet is None:
        raise AgentError(f"{folder}/agent.yaml has no fleet: handoff-agent reload tells one node")
    names = [node.name for node in fleet.nodes]
    for name in (*(only or ()), *([first] if first is not None else ())):
        if name not in names:
            raise AgentError(f"there is no node {name!r} in fleet.nodes: it has {', '.join(names)}")
    chosen = [node for node in fleet.nodes if not only or node.name in only]
    silent = [node.name for node in chosen if not node.operations]
    if silent:
        raise AgentError(
            f"{', '.join(silent)} in fleet.nodes can't be asked: write operations: http://10.0.0.11:8081 "
            "there"
        )
    if first is not None and first not in [node.name for node in chosen]:
        raise AgentError(f"--first {first} is not among --only {', '.join(only or ())}")
    chosen.sort(key=lambda node: node.name != first if first is not None else False)
    token = Where.of(snapshot).token
    return [Member(node.name, Operations(str(node.operations), token)) for node in chosen]


def _lines(rollout: Rollout, ending: _Ending) -> Iterator[str]:
    for one in rollout.members:
        holds = f"holds {one.holds}" if one.holds else "holds what is not known"
        if one.holds == rollout.target and one.before not in ("", rollout.target):
            holds += f", before {one.before}"
        if not one.holds and one.told:
            holds += f" ({one.before} before, and it was told to take {rollout.target})"
        yield f"{one.name} {holds}{f': {one.said}' if one.said else ''}"
        if one.restart and one.holds == rollout.target:
            yield f"{one.name} waits for its next start: {', '.join(one.restart)}"
    yield ending.text


def _as_json(rollout: Rollout, ending: _Ending) -> dict[str, object]:
    return {
        "result": ending.result,
        "text": ending.text,
        "fingerprint": rollout.target,
        "nodes": [
            {
                "name": one.name,
                "before": one.before,
                "holds": one.holds,
                "files": one.files,
                "told": one.told,
                "said": one.said,
                "changes": list(one.changes),
                "restart": list(one.restart),
            }
            for one in rollout.members
        ],
    }
