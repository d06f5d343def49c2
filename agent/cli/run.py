# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent run``: the agent."""

from __future__ import annotations

import argparse
import asyncio
import importlib

from agent.cli.options import Commands, add_command, add_config, add_instance

_EXAMPLE = """example:
  handoff-agent run --config /etc/handoff-agent
  handoff-agent run --config /etc/handoff-agent --instance 2

SIGHUP reloads the configuration; SIGTERM drains, then ends; a second SIGTERM ends now.
exit codes: 0 ended as asked, 1 the configuration is wrong, 2 could not run,
3 ended by force, since something hung"""


def add(subparsers: Commands) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "run",
        summary="run the agent",
        description="Take calls, bridge them, signal CXone.",
        epilog=_EXAMPLE,
    )
    add_config(parser)
    add_instance(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until a signal ends it. Returns the exit code."""
    # Imported here so that the other commands need no SIP stack.
    node, loop = importlib.import_module("agent.node"), importlib.import_module("agent.names.loop")
    with asyncio.Runner(loop_factory=loop.NamesLoop) as runner:
        served = node.serve(options.config, for_good=True, instance=options.instance)
        code: int = runner.run(served)
        return code
