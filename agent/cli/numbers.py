# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent numbers import|export``: number maps from and to CSV, as carriers send lists."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Final

from agent.cli.configuration import DONE, FOUND_WRONG
from agent.cli.options import EXIT_CODES, Commands, Needed, add_config
from agent.cli.reading import Told, reading
from agent.cli.streams import complain
from agent.core.conflicts import find_conflicts
from agent.core.errors import AgentError
from agent.core.numbers import NumberRule
from agent.settings import Mistake, Mistakes, load
from agent.settings.document import LARGEST_FILE
from agent.settings.files import read_regular
from agent.settings.lost_zeros import lost_zeros
from agent.settings.map_files import BIG, NUMBERS, Edit, map_bytes, read_maps
from agent.settings.map_writing import WRITERS, write_atomically

_EXAMPLE: Final = f"""examples:
  handoff-agent numbers import carrier.csv                            what it would be, in YAML
  handoff-agent numbers import carrier.csv --into numbers/carrier.yaml --project acme-care
  handoff-agent numbers export --into /tmp/all.csv                    all rules, for a spreadsheet
  handoff-agent numbers export --format yaml --only acme.csv

A CSV has the columns number, project and one for each label; several projects are separated by |.
{EXIT_CODES}"""


def add(subparsers: Commands) -> None:
    """Add the command to the parser of ``handoff-agent``."""
    parser = subparsers.add_parser(
        "numbers",
        help="number maps from CSV to YAML and back",
        description="Turn number maps of one form into the other.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ways = parser.add_subparsers(title="what to do", metavar="import | export", required=True)
    brought = ways.add_parser(
        "import",
        help="a CSV becomes a number map",
        description="Check a CSV against the configuration, and write it as a number map.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    brought.add_argument("file", type=Path, metavar="FILE.csv", help="the list")
    brought.add_argument("--project", action=Needed, metavar="P", help="of lines that name no project")
    brought.set_defaults(run=import_)
    given = ways.add_parser(
        "export",
        help="the number maps as one file",
        description="Write the rules of all number maps, or of one, as one file.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    given.add_argument("--format", choices=sorted(WRITERS), help="default: as --into ends, else csv")
    given.add_argument("--only", action=Needed, metavar="FILE", help="of this file in numbers/ alone")
    given.set_defaults(run=export)
    for one in (brought, given):
        one.add_argument(
            "--into",
            action=Needed,
            metavar="FILE",
            help="a .yaml or .csv; numbers/… is in the configuration folder (default: standard output)",
        )
        one.add_argument("--yes", action="store_true", help="also over a file that is there")
        add_config(one)


def import_(options: argparse.Namespace) -> int:
    """Check ``options.file`` and write it as a map. Returns the exit code."""
    folder, path = _folder(options), options.file
    target = _target(options)
    if path.suffix != ".csv":
        raise AgentError(f"{path} is no CSV: name a file that ends with .csv")
    try:
        text = read_regular(path, LARGEST_FILE)
    except OSError as error:
        raise AgentError(f"{path} can't be read: {error.strerror or error}") from None
    in_use = _is_within(path, folder)
    if in_use and target is not None and _is_within(target, folder) and target.resolve() != path.resolve():
        raise AgentError(f"{path} is read as it is, and {target} would be read beside it: move it away first")
    alone = Edit({path: text}, alone=True, project=options.project or "")
    ours = [one for one in (target, path) if one is not None and one.exists()]
    with reading(long=len(text) > BIG) as told:
        others = replace(alone, alone=False, without=_same(folder, ours) - {path})
        mistakes = _mistakes(folder, others, path, told)
        rules = [entry.rule for entry in read_maps(folder, alone).entries]
    if mistakes:
        return _complain(mistakes, f"{path} is not taken: correct it first")
    for note in lost_zeros(rules):
        complain(f"note: {note}\n")
    return _write(options, rules, target, "yaml")


def export(options: argparse.Namespace) -> int:
    """Write the rules of the maps as one file. Returns the exit code."""
    folder = _folder(options)
    target = _target(options)
    with reading(long=map_bytes(folder) > BIG) as told:
        reader = read_maps(folder, told=told)
        report = find_conflicts([(entry.rule, entry.pattern) for entry in reader.entries])
        conflicts = [reader.entries[one.index].mistake(one.text) for one in report.conflicts]
    if reader.mistakes or conflicts:
        return _complain(
            [*reader.mistakes, *conflicts], f"{folder / NUMBERS} has mistakes: correct them first"
        )
    rules = list(report.sound)
    if options.only:
        name = PurePath(options.only).name
        rules = [rule for rule in rules if PurePath(rule.file).name == name]
        if not rules:
            raise AgentError(f"no rule is from {name}: {folder / NUMBERS} has {', '.join(_names(folder))}")
    return _write(options, rules, target, options.format or "csv")


def _folder(options: argparse.Namespace) -> Path:
    folder: Path = options.config
    if not folder.is_dir():
        raise AgentError(f"there is no folder {folder}: name the configuration with --config")
    return folder


def _target(options: argparse.Namespace) -> Path | None:
    """Where the map goes; None for standard output. ``numbers/…`` is in the configuration folder."""
    if not options.into:
        return None
    given = Path(options.into)
    target: Path = options.config / given if given.parts[:1] == (NUMBERS,) else given
    if target.suffix[1:] not in WRITERS:
        raise AgentError(f"{given} is no number map: name it NAME.yaml or NAME.csv")
    if not target.parent.is_dir():
        raise AgentError(f"there is no folder {target.parent}: create it, or name another")
    if target.exists() and not options.yes:
        raise AgentError(f"{target} is there already: --yes writes over it, its remarks too")
    return target


def _mistakes(folder: Path, edit: Edit, path: Path, told: Told | None) -> list[Mistake]:
    """What is wrong with the list, in itself and beside the other maps; others are only counted."""
    try:
        load(folder, edit=edit, told=told)
    except Mistakes as error:
        ours = [one for one in error.mistakes if one.file == str(path) or f"{path}:" in one.text]
        if others := len(error.mistakes) - len(ours):
            complain(f"note: the rest of {folder} has {others} mistakes (handoff-agent check)\n")
        return ours
    return []


def _complain(mistakes: Sequence[Mistake], end: str) -> int:
    for mistake in sorted(mistakes):
        print(mistake)
    complain(f"{end}\n")
    return FOUND_WRONG


def _write(options: argparse.Namespace, rules: Sequence[NumberRule], target: Path | None, usual: str) -> int:
    if target is None:
        sys.stdout.write(WRITERS[usual](rules))
        return DONE
    form = getattr(options, "format", None) or target.suffix[1:]
    write_atomically(target, WRITERS[form](rules))
    seen = "; a running agent takes it over by itself" if _is_within(target, options.config) else ""
    print(f"{target} has {len(rules)} {'rule' if len(rules) == 1 else 'rules'}{seen}")
    return DONE


def _is_within(path: Path, folder: Path) -> bool:
    """Whether a file is one of those that the agent reads."""
    return path.resolve().parent == (folder / NUMBERS).resolve()


def _same(folder: Path, files: Sequence[Path]) -> frozenset[Path]:
    """The files in numbers/ that are these, as the loader calls them."""
    wanted = {file.resolve() for file in files}
    paths = (folder / NUMBERS / name for name in _names(folder))
    return frozenset(path for path in paths if path.resolve() in wanted)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in (folder / NUMBERS).iterdir())
    except OSError:
        return []
