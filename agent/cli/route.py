# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent route NUMBER``: which rule and project take a number, and why, or the nearest miss."""

from __future__ import annotations

import argparse
import json
import sys

from agent.cli.configuration import COULD_NOT_RUN, DONE, FOUND_WRONG, read_or_explain
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_config, add_json
from agent.core.routing import route


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "route",
        summary="which rule and project take a number",
        description="Tell which rule (file:line) and project take a number and why, or the nearest miss.",
        epilog=f"example: handoff-agent route +19995550101 --carrier nice-na1\n\n{EXIT_CODES}",
    )
    parser.add_argument("number", action=Needed, metavar="NUMBER", help="as the carrier sends it")
    parser.add_argument(
        "--carrier", action=Needed, metavar="C", help="apply the number rules of this carrier"
    )
    parser.add_argument("--token", metavar="T", help="the connector token that the call carries")
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Look ``options.number`` up and print what becomes of it."""
    snapshot = read_or_explain(options.config)
    if snapshot is None:
        return COULD_NOT_RUN
    carrier = snapshot.carriers.get(options.carrier) if options.carrier else None
    if options.carrier and carrier is None:
        known = ", ".join(sorted(snapshot.carriers))
        print(f"unknown carrier {options.carrier}: the configuration has {known}", file=sys.stderr)
        return COULD_NOT_RUN
    found = route(snapshot, options.number, carrier, options.token)
    if options.json:
        print(json.dumps(found.shown()))
    else:
        print("\n".join(found.lines))
    return FOUND_WRONG if found.refusal else DONE
