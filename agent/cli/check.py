# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent check``: all mistakes of the configuration, each with its place."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from agent.cli.configuration import DONE, FOUND_WRONG
from agent.cli.instances import described, lines
from agent.cli.notes import notes
from agent.cli.options import EXIT_CODES, Commands, add_command, add_config, add_instance, add_json
from agent.cli.reading import reading
from agent.settings import Mistake, Mistakes, load
from agent.settings.map_files import BIG, map_bytes


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
    add_instance(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check ``options.config`` and print what is found."""
    folder: Path = options.config
    try:
        with reading(long=map_bytes(folder) > BIG) as told:
            snapshot = load(folder, told=told, instance=options.instance)
    except Mistakes as error:
        _print_mistakes(error.mistakes, folder, as_json=options.json)
        return FOUND_WRONG
    found = list(notes(folder, snapshot))
    counts = {
        "carriers": len(snapshot.carriers),
        "projects": len(snapshot.projects),
        "numbers": len(snapshot.numbers),
    }
    instances = [] if options.instance else described(snapshot.agent, folder.absolute())
    if options.json:
        result = {"ok": True, **counts, "fingerprint": snapshot.shared_shown, "mistakes": [], "notes": found}
        print(json.dumps(result | {"instances": instances}))
        return DONE
    for note in found:
        print(f"note: {note}")
    for line in lines(instances):
        print(line)
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
