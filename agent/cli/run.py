# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent run``: the agent."""

from __future__ import annotations

import argparse
import asyncio
import importlib
from pathlib import Path

_EXAMPLE = """example:
  handoff-agent run --config /etc/handoff-agent

SIGHUP reloads the configuration; SIGTERM drains, then ends; a second SIGTERM ends now.
exit codes: 0 ended as asked, 1 the configuration is wrong, 2 could not run"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "run",
        help="run the agent",
        description="Take calls, bridge them, signal CXone.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, default=Path("config"), metavar="DIR", help="default: config")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until a signal ends it. Returns the exit code."""
    # Imported here so that the other commands need no SIP stack.
    node = importlib.import_module("agent.node")
    code: int = asyncio.run(node.serve(options.config))
    return code
