# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent records export``: calls that are over, from the storage, as JSON lines, CSV or Parquet."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import IO, TYPE_CHECKING

from agent.cli.configuration import DONE
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_where
from agent.cli.progress import Progress
from agent.cli.record_formats import FORMATS, Format, require
from agent.cli.storage import opened
from agent.cli.streams import let_go_of_output
from agent.cli.where import Where
from agent.cli.wording import since
from agent.core.errors import AgentError
from agent.delivery.finished import Export
from agent.delivery.queries import CallQuery

if TYPE_CHECKING:
    from agent.delivery.store import Store

_EXAMPLE = f"""examples:
  handoff-agent records export --since 2031-05-01 --until 2031-06-01 --format csv --output may.csv
  handoff-agent records export --since 1h --project acme-care | jq .legs
  handoff-agent records export --format parquet --output calls.parquet

docs/records.md says what each field is; handoff-agent schema --records gives its JSON Schema.
{EXIT_CODES}"""
_PAGE = 2000
"""Places of calls that are looked through at a time."""


def add(subparsers: Commands) -> None:
    """Add the command and its verb to the parser of ``handoff-agent``."""
    summary = "records of calls that are over: export as JSON lines, CSV, Parquet"
    parser = add_command(subparsers, "records", summary=summary, description=f"{summary}.", epilog=_EXAMPLE)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    export = add_command(
        verbs,
        "export",
        summary="write calls that are over to a file or standard output",
        description="Write calls that are over, in the order in which they came, from the storage; an agent "
        "may run on it.",
        epilog=_EXAMPLE,
    )
    times = "30m, 2h, 3d ago, or 2031-05-04T03:00 (UTC)"
    export.add_argument("--since", type=since, metavar="TIME", help=f"ended since: {times}")
    export.add_argument("--until", type=since, metavar="TIME", help="ended before")
    export.add_argument("--project", action=Needed, metavar="P", default="", help="of this project")
    export.add_argument("--format", choices=tuple(FORMATS), default="jsonl", help="default: jsonl")
    export.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    add_where(export)
    export.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export. Returns the exit code."""
    wanted = Export(options.since, options.until, options.project)
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        raise AgentError("--since is not before --until: no call can have ended in between")
    require(options.format)
    if options.format == "parquet" and options.output is None and sys.stdout.isatty():
        raise AgentError("parquet is nothing for a terminal: add --output FILE")
    where = Where.asked(options)
    with _output(options.output) as file:
        count = asyncio.run(_export(where, wanted, options, file))
    if options.output is not None:
        print(f"{count} call{'' if count == 1 else 's'} in {options.output}", file=sys.stderr)
    return DONE


async def _export(where: Where, wanted: Export, options: argparse.Namespace, file: IO[bytes]) -> int:
    async with opened(where) as store:
        if wanted.project:
            await _known(store, wanted.project, options.config / "projects")
        made = FORMATS[options.format](file)
        shown = options.output is not None or not sys.stdout.isatty()  # else between the lines
        try:
            with Progress() as line:
                count = await _pages(store, wanted, made, line if shown else None)
            made.close()
        except BaseException:
            made.abandon()
            raise
        return count


async def _known(store: Store, project: str, folder: Path) -> None:
    """Make sure that there is such a project, in the storage or in the configuration.

    Raises:
        AgentError: there is none; it says which one may be meant.
    """
    configured = {file.stem for file in folder.glob("*.yaml")}
    if project in configured or await store.calls(CallQuery(project=project, limit=1)):
        return
    meant = "".join(f"; is {name} meant?" for name in get_close_matches(project, configured, 1))
    raise AgentError(
        f"no call of a project {project!r} is in the storage, and {folder} has no such file{meant}"
    )


async def _pages(store: Store, wanted: Export, made: Format, line: Progress | None) -> int:
    first, last = await store.places()
    low, count = first - 1, 0
    while low < last:
        high = min(low + _PAGE, last)
        found = await store.finished_between(low, high, wanted)
        made.write(found)
        count += len(found)
        low = high
        if line is not None:
            line.tell(f"exporting … {(low - first + 1) / (last - first + 1):.0%}, {count} calls")
    return count


@contextmanager
def _output(path: Path | None) -> Iterator[IO[bytes]]:
    """Standard output, or a file that has its name once it is whole.

    Raises:
        AgentError: it can't be written.
    """
    if path is None:
        with _standard_output() as out:
            yield out
        return
    if path.is_dir():
        raise AgentError(f"{path} is a folder: --output names a file")
    if path.exists() and not path.is_file():
        raise AgentError(f"{path} is no plain file: without --output it all goes to standard output")
    target = path.resolve()
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise AgentError(
            f"{path} can't be written: {error.strerror or error}; nothing of it is left"
        ) from None
    finally:
        with suppress(OSError):
            part.unlink()


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        let_go_of_output()
        raise
    except OSError as error:
        let_go_of_output()
        raise AgentError(
            f"standard output can't be written: {error.strerror or error}; what is there is cut off"
        ) from None
