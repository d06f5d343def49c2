# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server of a test's own: a data folder that goes with it, a free port, an unprivileged user."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path

from tests.calls.harness.ports import free_port
from tests.calls.harness.waiting import eventually_now

_PROGRAMS = Path("/usr/lib/postgresql")
_USER = "postgres"


class Postgres:
    """One server on 127.0.0.1. Its superuser is ``postgres``; whoever is on this machine may log in.

    Args:
        settings: of its own, as postgresql.conf has them: ``shared_buffers=1GB``.
        primary: makes it a standby of this one, which must be up; its name there is ``standby``.
    """

    def __init__(self, *settings: str, primary: Postgres | None = None) -> None:
        found = sorted(_PROGRAMS.glob("*/bin"), key=lambda path: int(path.parent.name))
        assert found, "PostgreSQL is not installed: Debian's package is postgresql"
        self._programs = found[-1]
        self.port = free_port()
        self._settings = settings
        self.folder = Path(tempfile.mkdtemp(prefix="handoff-postgres-"))
        self._names = count(1)
        self._server: subprocess.Popen[bytes] | None = None
        # The server refuses to run as root.
        self._as_user = {"user": _USER, "group": _USER, "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as_user:
            shutil.chown(self.folder, _USER, _USER)
        atexit.register(self.remove)  # when the tests are broken off
        if primary is None:
            self._run("initdb", "-D", str(self.data), "-U", _USER, "--auth=trust", "-E", "UTF8", "--no-sync")
        else:
            source = f"host=127.0.0.1 port={primary.port} user={_USER} application_name=standby"
            self._run(
                *("pg_basebackup", "-D", str(self.data), "-d", source, "-R", "-X", "stream", "-c", "fast"),
                "--no-sync",
            )

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._server is not None
        return self._server.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    *(str(self._programs / "postgres"), "-D", str(self.data), "-p", str(self.port)),
                    *("-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}"),
                    *("-c", "max_connections=60", "-c", "shared_buffers=32MB"),
                    *(word for setting in self._settings for word in ("-c", setting)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._as_user,  # type: ignore[call-overload]  # user, group, extra_groups
            )
        eventually_now(self.answers, what="PostgreSQL answers")

    def answers(self) -> bool:
        """Whether it takes connections."""
        asked = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT cuts its connections and ends in order, SIGQUIT ends as a crash would."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(how)
            self._server.wait(60)

    def kill(self) -> None:
        """Let it die with all its processes at once, as a machine does."""
        assert self._server is not None
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in (self.pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._server.wait(20)

    def promote(self) -> None:
        """Make a standby the primary; returns when it takes writes."""
        assert self.run("SELECT pg_promote(true, 60)", "postgres") == "t"

    def remove(self) -> None:
        """Stop it and remove its folder."""
        atexit.unregister(self.remove)
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def new(self) -> str:
        """The URL of a new, empty database."""
        name = f"agent_{next(self._names)}"
        self.run(f"CREATE DATABASE {name}", "postgres")
        return self.url(name)

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{name}"

    def run(self, statement: str, database: str) -> str:
        """Run a statement as its superuser; gives what psql prints, bare."""
        return self._run("psql", "-XAtqc", statement, self.url(database))

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._as_user,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return str(done.stdout).strip()
