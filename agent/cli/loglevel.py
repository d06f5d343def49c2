# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent loglevel``: what the running agent logs, for a while more or less than configured."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from agent.cli.configuration import DONE, FOUND_WRONG
from agent.cli.operations import Operations, RefusedError, operator
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_config, add_json, add_operations
from agent.cli.where import node_asked
from agent.cli.wording import moment
from agent.core import units
from agent.core.errors import AgentError
from agent.telemetry.levels import LEVELS, USUAL_SECONDS

_NOT_FOUND = 404
_NORMAL = "normal"
_EXAMPLE = f"""examples:
  handoff-agent loglevel                                       which levels are in force
  handoff-agent loglevel debug --project acme-care --for 10m   each event of that project's calls
  handoff-agent loglevel error --project acme-test             less of a noisy one
  handoff-agent loglevel normal --project acme-care            as configured again, now

What is changed ends by itself (after 15m unless --for says otherwise), and with the process.
{EXIT_CODES}"""


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "loglevel",
        summary="show or change the log level of the running agent, for a while",
        description="Show or change from which level on the running agent logs, for a while.",
        epilog=_EXAMPLE,
    )
    parser.add_argument(
        "level",
        nargs="?",
        choices=[*LEVELS, _NORMAL],
        help="the least that is written; normal: as configured",
    )
    parser.add_argument(
        "--project",
        action=Needed,
        metavar="P",
        default="",
        help="of this project's calls (default: the node)",
    )
    parser.add_argument("--for", dest="how_long", metavar="TIME", help="how long, such as 10m (default: 15m)")
    add_operations(parser)
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ask the agent. Returns the exit code."""
    try:
        answer = _asked(Operations(*node_asked(options)), options)
    except RefusedError as error:
        if error.status != _NOT_FOUND:
            raise
        print(error)
        return FOUND_WRONG
    print(json.dumps(answer) if options.json else "\n".join(_lines(answer)))
    return DONE


def _asked(node: Operations, options: argparse.Namespace) -> dict[str, Any]:
    if options.level in (None, _NORMAL) and options.how_long is not None:
        raise AgentError("--for belongs to a level: write loglevel debug --for 10m")
    if options.level is None:
        return node.get("loglevel")
    if options.level == _NORMAL:
        return node.ask("DELETE", "loglevel", query={"project": options.project} if options.project else None)
    body = {
        "level": options.level,
        "project": options.project,
        "for": _seconds(options.how_long),
        "by": operator(),
    }
    return node.ask("PUT", "loglevel", body=body)


def _seconds(text: str | None) -> float:
    if text is None:
        return USUAL_SECONDS
    try:
        return units.seconds(text)
    except ValueError as error:
        raise AgentError(f"--for: {error}") from None


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    yield f"configured: {answer['configured']}"
    for one in answer["for_a_while"]:
        whose = f"project {one['project']}" if one["project"] else "the node"
        by = f", by {one['by']}" if one["by"] else ""
        yield f"{whose}: {one['level']} until {moment(one['until'])}{by}"
