# SPDX-License-Identifier: GPL-3.0-or-later
"""The product's own processes: started in a group of their own, watched, ended, and their words kept."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.calls.harness.waiting import eventually_now

COMMAND = Path(sys.executable).parent / "handoff-agent"
_BAD_WORDS = re.compile(
    r"Traceback \(most recent|[Aa]ssert(?:ion)?\b|Segmentation|core dumped|never awaited|pj_assert"
)


class Process:
    """One ``handoff-agent`` command.

    Args:
        arguments: what follows ``handoff-agent`` on the command line.
        log: file for everything that it says.
        environment: variables besides those of this process.

    Attributes:
        within: a command that becomes this one, to be set before the start.
        checkout: another checkout, set up, whose command it is; to be set before the start.
    """

    def __init__(
        self, arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.arguments = tuple(arguments)
        self.within: tuple[str, ...] = ()
        self.checkout: Path | None = None
        self.log = log
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._out: IO[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def start(self, ready: Callable[[], bool], within: float = 240.0) -> None:
        """Start it and return when ``ready`` says so.

        Raises:
            AssertionError: it ended, or was not ready in time; the text holds the end of its log.
        """
        self._out = self.log.open("ab")
        command = self.checkout / ".venv/bin/handoff-agent" if self.checkout else COMMAND
        self._process = subprocess.Popen(
            [*self.within, str(command), *self.arguments],
            cwd=self.checkout,
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.STDOUT,
            env=self._environment,
            process_group=0,
        )

        def up() -> bool:
            assert self.code is None, f"{self.arguments} ended with {self.code}"
            return ready()

        try:
            eventually_now(up, within, f"{self.arguments} is ready")
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}\n{self.tail()}") from None

    @property
    def code(self) -> int | None:
        """The exit code, None while it runs."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self.code is None

    def send(self, number: signal.Signals) -> None:
        """Send it a POSIX signal."""
        os.kill(self.pid, number)

    async def asked_to_end(self, *numbers: signal.Signals, every: float = 0.003) -> int:
        """Send it SIGTERM, then these over and over, SIGTERM unless they are given, until it has ended.

        Returns:
            The exit code.
        """
        self.send(signal.SIGTERM)
        while self.code is None:
            for number in numbers or (signal.SIGTERM,):
                with contextlib.suppress(ProcessLookupError):
                    self.send(number)
            await asyncio.sleep(every)
        self._close()
        self.said_nothing_bad()
        return self.code

    def stop(self, within: float = 120.0) -> None:
        """End it with SIGTERM and hold it to a clean end: exit code 0, no traceback, no assertion.

        Raises:
            AssertionError: it ended otherwise, or had to be killed.
        """
        if self.running:
            self.send(signal.SIGTERM)
        self.ends(within)

    def ends(self, within: float = 120.0) -> None:
        """Wait for a clean end, as `stop` does, without asking for it."""
        assert self._process is not None
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.arguments} did not end within {within} s\n{self.tail()}") from None
        finally:
            self._close()
        assert code == 0, f"{self.arguments} ended with {code}\n{self.tail()}"
        self.said_nothing_bad()

    def said_nothing_bad(self) -> None:
        """Fail if a traceback or an assertion stands in the log."""
        bad = [line for line in self.log.read_text(errors="replace").splitlines() if _BAD_WORDS.search(line)]
        assert not bad, f"{self.arguments} said:\n" + "\n".join(bad[:20]) + f"\nlog: {self.log}"

    def kill(self) -> None:
        """End it and all it started, at once."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._close()

    def tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _close(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None
