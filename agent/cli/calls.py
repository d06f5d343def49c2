# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent calls``: the calls that are up, those on record, and the INVITEs that were refused."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from agent.cli import legs, refused
from agent.cli.configuration import DONE
from agent.cli.operations import LogInError, NotRunningError, Operations
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_json, add_where
from agent.cli.storage import opened
from agent.cli.where import Where
from agent.cli.wording import at_least_one, cut, moment, since, span, table
from agent.core.errors import AgentError, StorageError
from agent.core.reasons import End, Reason
from agent.core.records import Place
from agent.delivery.queries import CallQuery, cursor, meant, place_of

_EXAMPLE = f"""examples:
  handoff-agent calls --live
  handoff-agent calls --refused                       INVITEs that did not become calls, and why
  handoff-agent calls --contact 4512
  handoff-agent calls --number 0100 --end failed      a number, or its last digits
  handoff-agent calls --since 2031-05-04T03:00 --until 2031-05-04T04:00
  handoff-agent calls --project acme-care --since 1h --json

{EXIT_CODES}"""
_OF_CALLS_ONLY: Final = ("contact", "master", "carrier", "end")


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
    parser.add_argument("--call", action=Needed, metavar="ID", default="", help="the one of this call id")
    parser.add_argument("--contact", action=Needed, metavar="ID", default="", help="of this contact")
    parser.add_argument("--master", action=Needed, metavar="ID", default="", help="of this master contact")
    parser.add_argument("--sip", action=Needed, metavar="ID", default="", help="whose SIP Call-ID this is")
    parser.add_argument(
        "--number",
        action=Needed,
        metavar="N",
        default="",
        help="of this number, or of those that end in it (four digits or more)",
    )
    parser.add_argument("--project", action=Needed, metavar="P", default="", help="of this project")
    parser.add_argument("--carrier", action=Needed, metavar="C", default="", help="of this carrier")
    parser.add_argument(
        "--end",
        choices=[end.value for end in End],
        default="",
        help="that ended so: %(choices)s",
        metavar="E",
    )
    parser.add_argument("--reason", type=_reason, metavar="R", help="for this reason: no_agent, …")
    parser.add_argument(
        "--since", type=since, metavar="TIME", help="begun since: 30m, 2h, 3d ago, or 2031-05-04T03:00 (UTC)"
    )
    parser.add_argument("--until", type=since, metavar="TIME", help="begun before that time")
    parser.add_argument(
        "--limit",
        type=at_least_one,
        default=50,
        metavar="N",
        help="at most, live and past ones each (default 50)",
    )
    parser.add_argument(
        "--page", type=_page, metavar="NEXT", help="go on where a list ended, as its last line says"
    )
    add_where(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List them. Returns the exit code."""
    where, query = Where.asked(options), _query(options)
    node = Operations.of(where)
    if options.refused:
        return _refused(options, query, node)
    live: dict[str, dict[str, Any]] | None = None
    unasked = ""
    try:
        told = node.get("calls", numbers="shown")
        live = {call["call_id"]: call for call in told["calls"]}
        unasked = told.get("missing", "")  # nodes of the fleet that did not say theirs
    except (NotRunningError, LogInError) as error:
        if options.live:
            raise
        unasked = str(error)
    first = live.values() if live and query.before is None else ()  # later pages are of the record alone
    calls = [call for call in first if meant(call, query)][::-1][: query.limit]
    more: Place | None = None
    if not options.live:
        try:
            past, more = asyncio.run(_past(query, where))
        except StorageError as error:
            if live is None:
                raise
            print(f"can't list past calls: {error}", file=sys.stderr)
            past = []
        calls += [call for call in past if live is None or call["call_id"] not in live]
    _print(options, unasked, calls, live, cursor(more) if more else None)
    return DONE


def _print(
    options: argparse.Namespace,
    unasked: str,
    calls: Sequence[Mapping[str, Any]],
    live: Mapping[str, Any] | None,
    next_page: str | None,
) -> None:
    if options.json:
        shown = [_as_json(call, live) for call in calls]
        print(
            json.dumps({"running": live is not None, "calls": shown, "next": next_page, "missing": unasked})
        )
        return
    if unasked and live is not None:
        print(unasked, file=sys.stderr)
    elif unasked:
        print(f"{unasked}; the list is from the record, and does not say which calls are up")
    for line in _lines(calls, live):
        print(line)
    if next_page:
        print(f"there are more: the same with --page {next_page}")


def _query(options: argparse.Namespace) -> CallQuery:
    return CallQuery(
        call_id=options.call,
        contact_id=options.contact,
        master_id=options.master,
        sip_call_id=options.sip,
        number=options.number,
        project=options.project,
        carrier=options.carrier,
        end=options.end,
        reason=options.reason or "",
        since=options.since,
        until=options.until,
        before=options.page,
        limit=options.limit,
    )


def _refused(options: argparse.Namespace, query: CallQuery, node: Operations) -> int:
    for name in _OF_CALLS_ONLY:
        if getattr(options, name):
            raise AgentError(f"a refused INVITE has no {name}: leave --{name} out, or --refused")
    found = node.get("calls", "refused", numbers="shown")["refused"]
    kept = [one for one in found if meant(_as_call(one), query)][: query.limit]
    if options.json:
        print(json.dumps({"refused": kept}))
        return DONE
    for line in refused.rows(kept):
        print(line)
    return DONE


def _as_call(one: Mapping[str, Any]) -> dict[str, Any]:
    """A refused INVITE as far as it can be looked for like a call."""
    nothing = dict.fromkeys((*_OF_CALLS_ONLY, "contact_id", "master_id"), "")
    return {**nothing, **one, "began": one["when"], "ended": one["when"]}


async def _past(query: CallQuery, where: Where) -> tuple[list[dict[str, Any]], Place | None]:
    """A page of the record, and where the next one begins."""
    async with opened(where) as store:
        found = await store.calls(replace(query, limit=query.limit + 1))
    page = found[: query.limit]
    return [call.shown() for call in page], page[-1].place if len(found) > len(page) else None


def _as_json(call: Mapping[str, Any], live: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**call, "live": live is not None and call["call_id"] in live}


def _page(text: str) -> Place:
    try:
        return place_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _reason(text: str) -> str:
    known = sorted(reason.value for reason in Reason)
    if text not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is no reason: write one of {', '.join(known)}")
    return text


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
        where = f" on {self.call['node']}" if self.call.get("live") else ""  # another node of the fleet
        return f"{state} (up{where})" if self.up else state

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
