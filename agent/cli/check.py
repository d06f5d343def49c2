# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent check``: all mistakes of the configuration, each with its place."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from agent.cli.configuration import DONE, FOUND_WRONG
from agent.cli.options import EXIT_CODES, Commands, add_command, add_config, add_json
from agent.core.model import Snapshot
from agent.core.model.keys import easy_to_guess
from agent.core.units import PortRange
from agent.settings import Mistake, Mistakes, load

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = add_command(
        subparsers,
        "check",
        summary="all mistakes of the configuration, as file:line:column",
        description="Read the whole configuration as the agent would, and print every mistake in it.",
        epilog=f"example: handoff-agent check --config /etc/handoff-agent\n\n{EXIT_CODES}",
    )
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check ``options.config`` and print what is found."""
    folder: Path = options.config
    try:
        snapshot = load(folder)
    except Mistakes as found:
        _print_mistakes(found.mistakes, folder, as_json=options.json)
        return FOUND_WRONG
    notes = [*_unheard_tokens(snapshot), *_weak_keys(snapshot), *_shared_ports(snapshot)]
    counts = {
        "carriers": len(snapshot.carriers),
        "projects": len(snapshot.projects),
        "numbers": len(snapshot.numbers),
    }
    if options.json:
        result = {"ok": True, **counts, "fingerprint": snapshot.fingerprint, "mistakes": [], "notes": notes}
        print(json.dumps(result))
        return DONE
    for note in notes:
        print(f"note: {note}")
    print(f"{folder} is valid: " + ", ".join(_counted(count, name) for name, count in counts.items()))
    return DONE


def _print_mistakes(mistakes: tuple[Mistake, ...], folder: Path, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"ok": False, "mistakes": [asdict(mistake) for mistake in mistakes]}))
        return
    for mistake in mistakes:
        print(mistake)
    files = len({mistake.file for mistake in mistakes})
    print(f"{folder} has {_counted(len(mistakes), 'mistakes')} in {_counted(files, 'files')}")


def _counted(count: int, plural: str) -> str:
    return f"{count} {plural[:-1] if count == 1 else plural}"


def _unheard_tokens(snapshot: Snapshot) -> list[str]:
    """Carriers whose calls may reach a project with a token without carrying one."""
    if all(project.token is None for project in snapshot.projects.values()):
        return []
    return [
        f"carrier {carrier.name} has no token_header: where a number has one project, its calls are taken "
        "by source and number alone, whatever that project's token"
        for carrier in snapshot.carriers.values()
        if not carrier.token_header
    ]


def _weak_keys(snapshot: Snapshot) -> list[str]:
    """Projects whose API key is easy to guess."""
    return [
        f"project {project.project} has an api_key that is easy to guess: take 12 random characters or more"
        for project in snapshot.projects.values()
        if any(map(easy_to_guess, project.api_key))
    ]


def _shared_ports(snapshot: Snapshot) -> list[str]:
    """RTP ports that this machine's kernel also uses for outgoing connections."""
    try:
        low, high = map(int, _EPHEMERAL.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return []
    ports = snapshot.agent.media.rtp_ports
    shared = PortRange(max(ports.low, low), min(ports.high, high))
    if shared.count <= 0:
        return []
    text = (
        f"media.rtp_ports {ports} shares {shared} with the kernel's own ports (net.ipv4.ip_local_port_range "
        f"{low}-{high}): a port may be taken now and then; move one, or set net.ipv4.ip_local_reserved_ports"
    )
    return [text]
