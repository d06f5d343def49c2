# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent hangup CALL_ID``: ends a call that is up."""

from __future__ import annotations

import argparse

from agent.cli.configuration import DONE, FOUND_WRONG
from agent.cli.operations import Operations, RefusedError
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_where, add_why
from agent.cli.where import Where

_NOT_FOUND = 404
_EXAMPLE = f"""example:
  handoff-agent hangup c-0123456789abcdef

As for any call that fails, the project's failed signal is sent to the script.
{EXIT_CODES}"""


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "hangup",
        summary="end a call that is up",
        description="End a call that is up; the agent must run.",
        epilog=_EXAMPLE,
    )
    parser.add_argument(
        "call_id", action=Needed, metavar="CALL_ID", help="as handoff-agent calls --live shows it"
    )
    add_why(parser)
    add_where(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ask the agent to end it. Returns the exit code."""
    try:
        Operations.of(Where.asked(options)).ask(
            "DELETE", "calls", options.call_id, query={"why": options.why} if options.why else None
        )
    except RefusedError as error:
        if error.status != _NOT_FOUND:
            raise
        print(f"{options.call_id}: {error}")
        return FOUND_WRONG
    print(f"{options.call_id} is being ended; handoff-agent explain {options.call_id} tells how it went")
    return DONE
