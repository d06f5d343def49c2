# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent calls``: the calls that are up, those on record, and the INVITEs that were refused."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.cli import legs, refused
from agent.cli.configuration import DONE
from agent.cli.operations import NotRunningError, Operations
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_json, add_where
from agent.cli.storage import opened
from agent.cli.where import Where
from agent.cli.wording import at_least_one, cut, moment, since, span, table
from agent.core.errors import AgentError, StorageError
from agent.delivery.queries import CallQuery

_EXAMPLE = f"""examples:
  handoff-agent calls --live
  handoff-agent calls --refused                       INVITEs that did not become calls, and why
  handoff-agent calls --contact 4512
  handoff-agent calls --project acme-care --since 1h --json

{EXIT_CODES}"""


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "calls",
        summary="the calls that are up, and past ones",
        description="List the calls that are up (as the agent says) and those on record, newest first.",
        epilog=_EXAMPLE,
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--live", action="store_true", help="only those that are up; the agent must run")
    which.add_argument(
        "--refused", action="store_true", help="the newest INVITEs that were refused; the agent must run"
    )
    parser.add_argument("--contact", action=Needed, metavar="ID", default="", help="of this contact")
    parser.add_argument("--project", action=Needed, metavar="P", default="", help="of this project")
    parser.add_argument(
        "--since", type=since, metavar="TIME", help="begun since: 30m, 2h, 3d ago, or 2031-05-04T03:00 (UTC)"
    )
    parser.add_argument("--limit", type=at_least_one, default=50, metavar="N", help="at most (default 50)")
    add_where(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List them. Returns the exit code."""
    where = Where.asked(options)
    node = Operations.of(where)
    if options.refused:
        return _refused(options, node)
    live: dict[str, dict[str, Any]] | None = None
    try:
        live = {
            call["call_id"]: call
            for call in node.get("calls", numbers="shown")["calls"]
            if _wanted(options, call)
        }
    except NotRunningError:
        if options.live:
            raise
    calls = list(live.values())[::-1] if live else []
    if not options.live:
        try:
            past = asyncio.run(_past(options, where))
        except StorageError as error:
            if live is None:
                raise
            print(f"can't list past calls: {error}", file=sys.stderr)
            past = []
        calls += [call for call in past if live is None or call["call_id"] not in live]
    calls = calls[: options.limit]
    if options.json:
        print(json.dumps({"running": live is not None, "calls": [_as_json(call, live) for call in calls]}))
        return DONE
    if live is None:
        print(f"no agent listens on {node.url}: the list is from the record")
    for line in _lines(calls, live):
        print(line)
    return DONE


def _refused(options: argparse.Namespace, node: Operations) -> int:
    if options.contact:
        raise AgentError("a refused INVITE has no contact: leave --contact out, or --refused")
    kept = [
        one
        for one in node.get("calls", "refused", numbers="shown")["refused"]
        if options.project in ("", one["project"]) and (options.since is None or one["when"] >= options.since)
    ][: options.limit]
    if options.json:
        print(json.dumps({"refused": kept}))
        return DONE
    for line in refused.rows(kept):
        print(line)
    return DONE


def _wanted(options: argparse.Namespace, call: Mapping[str, Any]) -> bool:
    return (
        options.contact in ("", call["contact_id"])
        and options.project in ("", call["project"])
        and (options.since is None or call["began"] >= options.since)
    )


async def _past(options: argparse.Namespace, where: Where) -> list[dict[str, Any]]:
    async with opened(where) as store:
        found = await store.calls(
            CallQuery(options.contact, options.project, since=options.since, limit=options.limit)
        )
    return [call.shown() for call in found]


def _as_json(call: Mapping[str, Any], live: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**call, "live": live is not None and call["call_id"] in live}


@dataclass(frozen=True, slots=True)
class _Shown:
    """One call of the list; `up` on this agent, and `asked` says whether the agent could be asked."""

    call: Mapping[str, Any]
    up: bool
    asked: bool

    def lasted(self) -> str:
        call = self.call
        over = call["ended"] is not None
        return span((call["ended"] or time.time()) - call["began"]) if self.up or over else "-"

    def state(self) -> str:
        state = self.call["state"] if self.call["ended"] is None else self.call["end"]
        return f"{state}{' (up)' if self.up else ''}"

    def why(self) -> str:
        if self.call["ended"] is None and not self.up:
            return "not up on this agent" if self.asked else "no end is recorded"
        return self.call["reason"] or "-"


_COLUMNS: Final[Mapping[str, Callable[[_Shown], str]]] = {
    "BEGAN (UTC)": lambda shown: moment(shown.call["began"]),
    "CALL": lambda shown: shown.call["call_id"],
    "CONTACT": lambda shown: shown.call["contact_id"] or "-",
    "PROJECT": lambda shown: cut(shown.call["project"], 16),
    "NUMBER": lambda shown: shown.call["number"],
    "LASTED": _Shown.lasted,
    "MOS": lambda shown: legs.lowest_mos(shown.call.get("legs", ())),
    "STATE": _Shown.state,
    "WHY": _Shown.why,
}


def _lines(calls: Sequence[Mapping[str, Any]], live: Mapping[str, Any] | None) -> Iterable[str]:
    if not calls:
        return ["no calls match"]
    shown = [_Shown(call, live is not None and call["call_id"] in live, live is not None) for call in calls]
    return table(tuple(_COLUMNS), [[cell(one) for cell in _COLUMNS.values()] for one in shown])
