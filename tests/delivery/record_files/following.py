# SPDX-License-Identifier: GPL-3.0-or-later
"""Children that end calls and write their records, each killed at the n-th thing it asks of disk or storage.

A process that has imported all of it forks one for each line on its standard input: a JSON list of the
SQLite file, the folder, how many calls, the step, and whether before it, in the middle of it, or after it. It
answers each with a line: how many steps there were, or -9.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import IO, Any, Final

from agent.core.model.record_files import RecordFiles
from agent.core.records import CallRecord
from agent.delivery.record_files import writer as writer_module
from agent.delivery.record_files.writer import RecordWriter
from agent.delivery.sqlite import SqliteStore

_IDS: Final = ("edge-1", "one", "acme", "care", "9995550100", "4711", "", "sip")


class Untold:
    """Nobody hears of it."""

    def records_filed(self, count: int) -> None:
        """Nothing."""

    def record_files_faulty(self, *, faulty: bool) -> None:
        """Nothing."""


class Death:
    """Dies at the n-th step.

    Attributes:
        seen: how many steps there were.
    """

    def __init__(self, at: int, when: str) -> None:
        self._at, self._when = at, when
        self.seen = 0

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same, with an end before or after it."""

        def step(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever it takes
            self.comes("before")
            result = work(*args, **options)
            self.comes("after", again=True)
            return result

        return step

    def write(self, descriptor: int, data: bytes) -> int:
        """Write, or die with half of it written."""
        self.comes("before")
        if self._when == "half" and self.seen == self._at:
            _write(descriptor, bytes(data)[: len(data) // 2])
            self.dies()
        written = _write(descriptor, data)
        self.comes("after", again=True)
        return written

    def copy(self, source: IO[bytes], target: IO[bytes], size: int = 0) -> None:
        """Copy a file, which is compressed on its way, or die with half of it done."""
        self.comes("before")
        if self._when == "half" and self.seen == self._at:
            target.write(source.read(500))
            target.flush()
            self.dies()
        _copy(source, target, size)
        self.comes("after", again=True)

    def comes(self, when: str, *, again: bool = False) -> None:
        """A step is about to be done, or done."""
        self.seen += not again
        if self.seen == self._at and when == self._when:
            self.dies()

    def dies(self) -> None:
        """At once, as from outside."""
        os.kill(os.getpid(), signal.SIGKILL)


_write = os.write
_copy = shutil.copyfileobj


def _patch(death: Death) -> None:
    for name in ("open", "fsync", "rename", "ftruncate"):
        setattr(os, name, death.around(getattr(os, name)))
    os.write = death.write  # type: ignore[assignment]  # of a test's own process
    for name in ("mkdir", "rename", "unlink"):
        setattr(Path, name, death.around(getattr(Path, name)))
    shutil.copyfileobj = death.copy  # type: ignore[assignment]  # as above


def _of_store(store: SqliteStore, death: Death) -> None:
    for name in ("finished", "filed", "note_filed"):
        work = getattr(store, name)

        def step(
            *args: Any,  # noqa: ANN401 - whatever it takes
            work: Callable[..., Coroutine[Any, Any, Any]] = work,
        ) -> Coroutine[Any, Any, Any]:
            async def stepped() -> Any:  # noqa: ANN401 - the same
                death.comes("before")
                result = await work(*args)
                death.comes("after", again=True)
                return result

            return stepped()

        setattr(store, name, step)


async def main(database: str, folder: str, count: int, at: int, when: str) -> int:
    """End calls and write them, in small batches and small files; gives how many steps that took."""
    writer_module.LOOK_SECONDS = 0.001  # type: ignore[misc]
    writer_module.AT_ONCE = 3  # type: ignore[misc]
    writer_module.TEND_SECONDS = 0.0  # type: ignore[misc]
    store = await SqliteStore.open(Path(database))
    given = (await store.filed()).given
    for number in range(given, given + count):
        call = CallRecord(f"c-{number}", *_IDS, "bridged", 1000.0)
        await store.open_call(call, None)
        await store.update_call(call.moved("ended", ended=2000.0, end="completed", reason="completed"))
    death = Death(at, when)
    _of_store(store, death)
    settings = RecordFiles.model_construct(
        folder=Path(folder),
        rotate=RecordFiles.model_validate({"folder": folder}).rotate.model_copy(update={"size": 1000}),
        compress="gzip",
        keep=None,
    )
    _patch(death)
    writer = RecordWriter(store, settings, "edge-1", Untold(), _raise)
    while (await SqliteStore.filed(store)).position != given + count:
        await asyncio.sleep(0.002)
    await writer.aclose()
    await store.aclose()
    return death.seen


def _raise(_where: str, error: Exception) -> None:
    raise error


def _child(asked: list[Any], answers: int) -> None:
    steps = asyncio.run(main(*asked))
    _write(answers, str(steps).encode())
    os._exit(0)


def serve() -> None:
    """Fork a child for each line."""
    for line in sys.stdin:
        ours, answers = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                _child(json.loads(line), answers)
            finally:
                os._exit(1)
        os.close(answers)
        _, status = os.waitpid(pid, 0)
        said = os.read(ours, 100).decode()
        os.close(ours)
        sys.stdout.write(f"{said or os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
