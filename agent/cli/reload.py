# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent reload``: the running agent loads its configuration again; says what became of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from agent.cli.configuration import DONE, FOUND_WRONG
from agent.cli.operations import Operations, RefusedError
from agent.cli.options import EXIT_CODES, Commands, add_command, add_config, add_json, add_operations, add_why
from agent.cli.where import node_asked
from agent.settings.child import LONGEST

_BEYOND = 10.0  # the node gives up first, and says why
_KEPT_OUT = (409, 422)
_EXAMPLE = f"""examples:
  handoff-agent reload
  handoff-agent reload --why "new numbers of acme"
  handoff-agent reload --yes          when most of the numbers are meant to go (reload_guard)

{EXIT_CODES}"""


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "reload",
        summary="have the running agent load its configuration again",
        description="Have the running agent load its configuration again, all or nothing; says what changed.",
        epilog=_EXAMPLE,
    )
    parser.add_argument("--yes", action="store_true", help="also when most of the numbers go")
    add_why(parser)
    add_operations(parser)
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ask the agent. Returns the exit code."""
    node = Operations(*node_asked(options))
    code = DONE
    node.ask("GET", "healthz")  # one that hangs says nothing; reading a large folder takes long, too
    try:
        answer = node.ask(
            "POST",
            "reload",
            query={"why": options.why} if options.why else None,
            body={"yes": options.yes},
            seconds=LONGEST + _BEYOND,
        )
    except RefusedError as error:
        if error.status not in _KEPT_OUT or "result" not in error.document:
            raise
        answer, code = error.document, FOUND_WRONG
    print(json.dumps(answer) if options.json else "\n".join(_lines(answer)))
    return code


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    yield from answer["mistakes"]
    yield from answer["changes"]
    match answer["result"]:
        case "loaded":
            yield "the configuration is in force"
        case "unchanged":
            yield "nothing changed"
        case kept_out:
            yield f"{kept_out}: the configuration before it stays in force"
    if answer["restart"]:
        yield f"waits for the next start: {', '.join(answer['restart'])}"
