# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent kamailio``: the lists of a Kamailio in front of the fleet, from the configuration."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from agent.cli.configuration import DONE, FOUND_WRONG, read_or_explain
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_config
from agent.core.errors import AgentError
from agent.core.front import address_list, dispatcher_list, host_fleet
from agent.settings.map_writing import write_atomically

_EXAMPLE: Final = f"""examples:
  handoff-agent kamailio                                  what they would be
  handoff-agent kamailio --into /etc/kamailio
  kamcmd permissions.addressReload; kamcmd dispatcher.reload

deploy/kamailio/kamailio.cfg reads them; docs/deploy.md tells how a fleet is run
{EXIT_CODES}"""


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "kamailio",
        summary="dispatcher.list and address.list of the Kamailio in front",
        description="Write which agents there are and who may call, for the Kamailio in front of them: "
        "from fleet (without one, from instances) in agent.yaml, and from carriers.yaml.",
        epilog=_EXAMPLE,
    )
    parser.add_argument("--into", action=Needed, metavar="DIR", help="write both there, each as a whole")
    add_config(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the lists, or write them. Returns the exit code."""
    snapshot = read_or_explain(options.config)
    if snapshot is None:
        return FOUND_WRONG
    fleet = snapshot.agent.fleet or host_fleet(snapshot.agent)
    if fleet is None:
        wanting = (
            "no fleet, and its instances listen on all addresses: write one of them in sip.listen, or write"
            if snapshot.agent.instances is not None
            else "no fleet: write"
        )
        raise AgentError(
            f"{options.config}/agent.yaml has {wanting} fleet: {{nodes: [{{name: edge-1, "
            "sip: sip:10.0.0.11:5060}]}"
        )
    lists = {"dispatcher.list": dispatcher_list(fleet), "address.list": address_list(snapshot, fleet)}
    if options.into is None:
        for name, text in lists.items():
            print(f"# {name}\n{text}")
        return DONE
    folder = Path(options.into)
    if not folder.is_dir():
        raise AgentError(f"there is no folder {folder}: create it, or name another")
    for name, text in lists.items():
        write_atomically(folder / name, text)
        print(f"{folder / name} is written")
    return DONE
