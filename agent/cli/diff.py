# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent diff OLD NEW``: what an edit changes, and the live calls on the numbers it moves."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.cli.configuration import COULD_NOT_RUN, DONE, read_or_explain
from agent.cli.operations import Operations
from agent.cli.options import EXIT_CODES, Commands, add_command, add_json
from agent.cli.wording import clock
from agent.core.errors import AgentError
from agent.core.model import Snapshot
from agent.settings.changes import changes

_EXAMPLE = f"""examples:
  handoff-agent diff /etc/handoff-agent /tmp/edited
  handoff-agent diff /etc/handoff-agent /tmp/edited --operations http://127.0.0.1:8081

Calls that are up keep the configuration they began with; the next call of their number gets the new one.
{EXIT_CODES}"""


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "diff",
        summary="what an edit of the configuration changes",
        description="Compare two configuration folders: numbers that move, appear, go or are shadowed, "
        "projects, carriers, and what needs a restart.",
        epilog=_EXAMPLE,
    )
    parser.add_argument("old", type=Path, metavar="OLD", help="configuration folder as it is")
    parser.add_argument("new", type=Path, metavar="NEW", help="configuration folder as it will be")
    parser.add_argument(
        "--operations",
        "--node",
        metavar="URL",
        help="operations listener of a running agent: its live calls on those numbers",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare them. Returns the exit code."""
    old = read_or_explain(options.old)
    new = read_or_explain(options.new) if old is not None else None
    if old is None or new is None:
        return COULD_NOT_RUN
    difference = changes(old, new)
    touched = None
    if options.operations:
        live = Operations(options.operations).get("calls", numbers="shown")["calls"]
        if any("*" in str(call.get("number", "")) for call in live):
            raise AgentError(f"{options.operations} masks the numbers of calls: use a token of an operator")
        touched = _touched(live, old, new)
    if options.json:
        print(json.dumps({**asdict(difference), "live_calls": touched}))
        return DONE
    for line in difference.lines():
        print(line)
    if not any(difference.lines()):
        print("nothing changes")
    for line in _live(touched) if touched is not None else ():
        print(line)
    return DONE


def _touched(calls: Sequence[Mapping[str, Any]], old: Snapshot, new: Snapshot) -> list[dict[str, Any]]:
    """The calls that are up on a number that other projects, or none, would take."""
    touched = []
    for call in calls:
        before, after = _takers(old, call["number"]), _takers(new, call["number"])
        if before != after:
            wanted = {name: call[name] for name in ("call_id", "contact_id", "number", "project", "began")}
            touched.append({**wanted, "before": list(before), "after": list(after)})
    return touched


def _takers(snapshot: Snapshot, number: str) -> tuple[str, ...]:
    rule = snapshot.numbers.match(number)
    return rule.projects if rule is not None else ()


def _live(touched: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not touched:
        yield "no call is up on these numbers"
    for call in touched:
        after = ", ".join(call["after"]) or "nobody"
        up = f"call {call['call_id']} is up on {call['number']} since {clock(call['began'])[:8]} UTC"
        yield f"{up}: it stays with {call['project']}; the next one goes to {after}"
