# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent capture``: the running agent writes SIP, and RTP if asked, of some calls to a pcap file."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from agent.cli.capture_copy import CaptureCopy
from agent.cli.capture_following import ATTENDED, fetch, follow
from agent.cli.configuration import DONE, FOUND_WRONG
from agent.cli.operations import Operations, RefusedError, operator
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_config, add_json, add_operations
from agent.cli.where import node_asked
from agent.cli.wording import moment, table
from agent.core.errors import AgentError

_FOUND_WRONG_BY = (404, 409, 422, 507)
_INTERRUPTED: Final = 130
_CODES: Final = f"{EXIT_CODES}, 130 interrupted (with what was captured so far in FILE)"
_SECONDS_A_MINUTE = 60
_EXAMPLE = f"""examples:
  handoff-agent capture --project acme-care --minutes 10          SIP of that project's calls, from now on
  handoff-agent capture --number 9995550100 --minutes 5 --rtp     of a number, with RTP and RTCP
  handoff-agent capture --call 4513 --out call.pcap               fetches it as it goes on; Ctrl-C ends it
  handoff-agent capture --list
  handoff-agent capture --stop ID
  handoff-agent capture --get ID --out call.pcap
  handoff-agent capture --delete ID

The files lie on the agent's machine, in capture.folder of agent.yaml. They hold numbers and,
with --rtp, what was said: delete them when they have served.
With --out, FILE grows as the capture does. It ends with the command, however that ends.
{_CODES}"""


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "capture",
        summary="capture SIP and RTP of calls to a pcap file, for a while",
        description="Capture SIP, and on request RTP and RTCP, of calls to a pcap file, for a while.",
        epilog=_EXAMPLE,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--call", action=Needed, metavar="ID", help="call id, contact id or SIP Call-ID")
    what.add_argument("--project", action=Needed, metavar="P", help="calls of this project, refused ones too")
    what.add_argument("--number", action=Needed, metavar="N", help="calls to this number")
    what.add_argument("--list", action="store_true", help="list captures")
    what.add_argument("--stop", action=Needed, metavar="ID", help="end a capture")
    what.add_argument("--get", action=Needed, metavar="ID", help="fetch the file of a capture, with --out")
    what.add_argument("--delete", action=Needed, metavar="ID", help="end a capture and delete its file")
    parser.add_argument("--minutes", type=float, metavar="M", help="how long (default: 10)")
    parser.add_argument("--rtp", action="store_true", help="RTP and RTCP too")
    parser.add_argument("--size", metavar="SIZE", help="of the file, such as 10MB (default: capture.size)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="fetch the file to here, until it ends or Ctrl-C"
    )
    add_operations(parser)
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ask the agent. Returns the exit code."""
    node = Operations(*node_asked(options))
    try:
        return _run(node, options)
    except RefusedError as error:
        if error.status not in _FOUND_WRONG_BY:
            raise
        print(error)
        return FOUND_WRONG


def _run(node: Operations, options: argparse.Namespace) -> int:
    if options.list:
        found = node.get("captures")
        print(json.dumps(found) if options.json else "\n".join(_listed(found["captures"])))
    elif options.stop:
        _say(options, node.ask("POST", "captures", options.stop, "stop"))
    elif options.delete:
        node.ask("DELETE", "captures", options.delete)
        print(f"{options.delete} is deleted")
    elif options.get:
        if options.out is None:
            raise AgentError("--out FILE says where the file goes")
        with closing(CaptureCopy(options.out)) as copy:
            fetch(node, options.get, copy)
            print(_fetched(copy, options.get))
    elif options.out is None:
        _say(options, node.ask("POST", "captures", body=_wanted(options)))
    else:
        with closing(CaptureCopy(options.out)) as copy:
            return _awaited(node, options, copy)
    return DONE


def _awaited(node: Operations, options: argparse.Namespace, copy: CaptureCopy) -> int:
    """Begin one, and fetch it as it goes on, to its end."""
    told = _progress if sys.stderr.isatty() else None
    capture, interrupted = follow(node, {**_wanted(options), "attended": ATTENDED}, copy, told)
    if told is not None:
        print(file=sys.stderr)
    capture_id = capture["capture_id"]
    if interrupted and not options.json:
        print(f"interrupted: the capture is ended; {_fetched(copy, capture_id)}")
        return _INTERRUPTED
    _say(options, capture)
    if not options.json:
        print(_fetched(copy, capture_id))
    return _INTERRUPTED if interrupted else DONE


def _fetched(copy: CaptureCopy, capture_id: str) -> str:
    return (
        f"{copy.path}: {copy.packets} packets, {copy.whole} bytes; "
        f"handoff-agent capture --delete {capture_id} deletes the agent's copy"
    )


def _progress(capture: dict[str, Any]) -> None:
    print(f"\r{_in_short(capture)}; Ctrl-C ends it ", end="", file=sys.stderr, flush=True)


def _wanted(options: argparse.Namespace) -> dict[str, Any]:
    """What the agent is asked for."""
    if options.minutes is not None and not 0 < options.minutes < math.inf:
        raise AgentError(f"--minutes {options.minutes:g} is no time: write --minutes 10")
    wanted = {name: getattr(options, name) for name in ("call", "project", "number")}
    body: dict[str, Any] = {name: value for name, value in wanted.items() if value}
    if options.minutes is not None:
        body["for"] = options.minutes * _SECONDS_A_MINUTE
    if options.size is not None:
        body["size"] = options.size
    return {**body, "rtp": options.rtp, "by": operator()}


def _say(options: argparse.Namespace, capture: dict[str, Any]) -> None:
    print(json.dumps(capture) if options.json else "\n".join(_lines(capture)))


def _lines(capture: dict[str, Any]) -> Iterator[str]:
    state = (
        f"until {moment(capture['until'])}" if capture["ended"] is None else f"has ended: {capture['why']}"
    )
    yield f"capture {capture['capture_id']} {state}"
    yield f"  {_in_short(capture)}"
    if capture["dropped"]:
        yield f"  {capture['dropped']} packets found no room and are missing"
    if capture["legs_without_rtp"]:
        yield f"  of {capture['legs_without_rtp']} legs there is no RTP: as many as may be were tapped"
    yield f"  {capture['file']}"


def _in_short(capture: dict[str, Any]) -> str:
    return f"{capture['packets']} packets of {capture['calls']} calls, {capture['bytes']} bytes"


def _listed(captures: list[dict[str, Any]]) -> Iterator[str]:
    if not captures:
        yield "no captures since the agent's start; older files are in capture.folder"
        return
    rows = [
        (
            one["capture_id"],
            next(f"{name} {one[name]}" for name in ("call", "project", "number") if one[name]),
            "SIP, RTP" if one["rtp"] else "SIP",
            moment(one["began"]),
            "running" if one["ended"] is None else one["why"],
            _in_short(one),
        )
        for one in captures
    ]
    yield from table(("id", "of", "what", "began", "state", "so far"), rows)
