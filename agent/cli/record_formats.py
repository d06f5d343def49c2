# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats of an export: JSON lines, CSV, Parquet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import IO, Any, Final, Protocol

from agent.core.errors import AgentError
from agent.core.record_form import VERSION, Finished, Kind, as_line, as_record, as_row, columns

# What spreadsheets take for the beginning of one (OWASP, CSV injection); +49123 stays what it is.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_GROUP: Final = 50_000
"""Rows of a row group: enough for readers to like them, few enough to be held."""
_PHONE: Final = re.compile(r"\+[0-9]+", re.ASCII)


class Format(Protocol):
    """Writes calls into a file."""

    def write(self, calls: Iterable[Finished]) -> None:
        """Write some."""

    def close(self) -> None:
        """Finish what is written; the file stays open."""

    def abandon(self) -> None:
        """Leave it unfinished: it is not to look whole."""


class JsonLines:
    """The lines that record files have."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, calls: Iterable[Finished]) -> None:
        """See `Format`."""
        self._file.write("".join(map(as_line, calls)).encode("ascii"))

    def close(self) -> None:
        """See `Format`."""

    def abandon(self) -> None:
        """See `Format`."""


class Csv:
    """One row a call under the names of the columns (RFC 4180, UTF-8); what is null is empty.

    A text that a spreadsheet would run as a formula gets a ' in front: callers and voice agents write some.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="")
        self._rows = csv.writer(self._text)
        self._rows.writerow([column.name for column in columns()])

    def write(self, calls: Iterable[Finished]) -> None:
        """See `Format`."""
        self._rows.writerows([_no_formula(value) for value in as_row(as_record(call))] for call in calls)

    def close(self) -> None:
        """See `Format`."""
        self._text.flush()
        self._text.detach()

    def abandon(self) -> None:
        """See `Format`."""
        with suppress(OSError, ValueError):
            self._text.detach()  # else it would close the file that it was given


class _Sink(io.RawIOBase):
    """What pyarrow writes to. It knows where it is, as a pipe does not; cut off, it takes no more.

    A writer of pyarrow's that goes writes its footer, and the file would look whole.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._at = 0
        self.cut = False

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer of bytes
        size = len(data)
        if not self.cut:
            self._file.write(data)
        self._at += size
        return size


class Parquet:
    """The same columns, each with its type; times are timestamps in UTC."""

    def __init__(self, file: IO[bytes]) -> None:
        self._sink = _Sink(file)
        self._waiting: list[Any] = []
        self._rows = 0
        self._arrow, parquet = _arrow()
        arrow = self._arrow
        types = {
            Kind.TEXT: arrow.string(),
            Kind.TIME: arrow.timestamp("ms", tz="UTC"),
            Kind.SECONDS: arrow.float64(),
            Kind.COUNT: arrow.int64(),
            Kind.NUMBER: arrow.float64(),
        }
        self._schema = arrow.schema(
            [arrow.field(column.name, types[column.kind]) for column in columns()],
            metadata={"handoff-agent.record.version": str(VERSION)},
        )
        self._file = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")

    def write(self, calls: Iterable[Finished]) -> None:
        """See `Format`."""
        rows = [as_row(as_record(call)) for call in calls]
        if not rows:
            return
        arrays = [
            self._arrow.array([_typed(column.kind, row[place]) for row in rows], type=field.type)
            for place, (column, field) in enumerate(zip(columns(), self._schema, strict=True))
        ]
        self._waiting.append(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        self._rows += len(rows)
        if self._rows >= _GROUP:
            self._write_group()

    def close(self) -> None:
        """See `Format`."""
        self._write_group()
        self._file.close()

    def abandon(self) -> None:
        """See `Format`."""
        self._sink.cut = True
        self._file.close()

    def _write_group(self) -> None:
        if self._waiting:
            self._file.write_table(self._arrow.concat_tables(self._waiting))
        self._waiting, self._rows = [], 0


FORMATS: Final[Mapping[str, Callable[[IO[bytes]], Format]]] = {
    "jsonl": JsonLines,
    "csv": Csv,
    "parquet": Parquet,
}


def require(name: str) -> None:
    """Say at once what a format lacks.

    Raises:
        AgentError: a package that is not installed.
    """
    if name == "parquet":
        _arrow()


def _no_formula(value: Any) -> Any:  # noqa: ANN401 - what JSON holds
    formula = isinstance(value, str) and value[:1] in _FORMULA and not _PHONE.fullmatch(value)
    return f"'{value}" if formula else value


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and large
        from pyarrow import parquet  # noqa: PLC0415 - the same
    except ImportError:
        raise AgentError(
            "parquet needs pyarrow, which is not installed: pip install 'handoff-agent[parquet]', or take "
            "--format csv"
        ) from None
    return pa, parquet


def _typed(kind: Kind, value: Any) -> Any:  # noqa: ANN401 - what JSON holds
    if value is None:
        return None
    if kind is Kind.TIME:
        return datetime.fromisoformat(value)
    if kind is Kind.TEXT:
        return value.encode("utf-8", "backslashreplace").decode()
    return value
