# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent records export``: calls that are over, from the storage, as JSON lines, CSV or Parquet."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from agent.cli.configuration import DONE
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_where
from agent.cli.progress import Progress
from agent.cli.record_formats import FORMATS, Format, require
from agent.cli.storage import opened
from agent.cli.where import Where
from agent.cli.wording import since
from agent.core.errors import AgentError
from agent.delivery.finished import Export

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
        made = FORMATS[options.format](file)
        # Where the rows are shown themselves, they tell how far it is, and no line may come between.
        rows_seen = options.output is None and sys.stdout.isatty()
        count = asyncio.run(_export(where, wanted, made, Progress(io.StringIO() if rows_seen else None)))
        made.close()
    if options.output is not None:
        print(f"{count} call{'' if count == 1 else 's'} in {options.output}", file=sys.stderr)
    return DONE


async def _export(where: Where, wanted: Export, made: Format, progress: Progress) -> int:
    async with opened(where) as store:
        with progress as line:
            return await _pages(store, wanted, made, line)


async def _pages(store: Store, wanted: Export, made: Format, line: Progress) -> int:
    first, last = await store.places()
    low, count = first - 1, 0
    while low < last:
        high = min(low + _PAGE, last)
        found = await store.finished_between(low, high, wanted)
        made.write(found)
        count += len(found)
        low = high
        line.tell(f"exporting … {(low - first + 1) / (last - first + 1):.0%}, {count} calls")
    return count


@contextmanager
def _output(path: Path | None) -> Iterator[IO[bytes]]:
    """Standard output, or a file that has its name once it is whole.

    Raises:
        AgentError: it can't be written.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise AgentError(f"{path} can't be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink()
