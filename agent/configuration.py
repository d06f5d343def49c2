# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration in force: loaded, replaced as a whole or not at all, and watched for edits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.core.errors import SettingsError
from agent.core.model import Project, Snapshot
from agent.settings import Changes, changes, load_in_child
from agent.telemetry.logs import logger
from agent.telemetry.metrics import Metrics

_log = logger("configuration")


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of a reload.

    Attributes:
        result: ``loaded``, ``unchanged`` or ``refused``.
        mistakes: one line each, when it was refused; the old configuration stays in force.
        changes: one line each, when it was loaded.
        restart: keys that changed and take effect only at the next start.
    """

    result: str
    mistakes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


class Configuration:
    """Holds the snapshot in force.

    Args:
        folder: where the files are.
        snapshot: what was loaded at the start.
        metrics: told of each reload.
        applied: called after a new snapshot came into force.

    Attributes:
        snapshot: the one in force.
        last: what became of the last reload.
    """

    def __init__(
        self, folder: Path, snapshot: Snapshot, metrics: Metrics, applied: Callable[[Changes], None]
    ) -> None:
        self.snapshot = snapshot
        self.last: Reloaded | None = None
        self._folder = folder
        self._metrics = metrics
        self._applied = applied
        self._seen = self._stamp()
        self._busy = False
        self._one_at_a_time = asyncio.Lock()
        metrics.config_loaded(time.time())

    def current(self) -> Snapshot:
        """The snapshot in force."""
        return self.snapshot

    def project(self, account: str, name: str) -> Project | None:
        """The project in force under this account; None when there is none (any more)."""
        project = self.snapshot.projects.get(name)
        return project if project is not None and project.account == account else None

    def projects(self) -> Iterable[Project]:
        """The projects in force."""
        return self.snapshot.projects.values()

    async def reload(self) -> Reloaded:
        """Load the files in a child process and put them in force, all or nothing."""
        async with self._one_at_a_time:  # of two at once, the one that read older files could end last
            return await self._reload()

    async def _reload(self) -> Reloaded:
        self._seen = self._stamp()
        try:
            fresh = await load_in_child(self._folder)
        except SettingsError as error:
            mistakes = tuple(str(error).splitlines())
            _log.error("reload refused, the old configuration stays in force", mistakes=mistakes)
            return self._done(Reloaded("refused", mistakes=mistakes))
        if fresh.fingerprint == self.snapshot.fingerprint:
            return self._done(Reloaded("unchanged"))
        difference = changes(self.snapshot, fresh)
        self.snapshot = fresh
        self._metrics.config_loaded(time.time())
        self._applied(difference)
        lines = tuple(difference.lines())
        _log.info("configuration reloaded", changes=lines, restart_needed=difference.restart)
        return self._done(Reloaded("loaded", changes=lines, restart=difference.restart))

    def edited(self) -> bool:
        """Whether a file changed since the last look, and has been left alone since the look before.

        An editor writes a file in several steps; waiting for two equal looks keeps half an edit out.
        """
        now = self._stamp()
        settled = now == self._pending if self._busy else False
        self._busy, self._pending = now != self._seen, now
        return self._busy and settled

    _pending: tuple[tuple[str, int, int], ...] = ()

    def _done(self, reloaded: Reloaded) -> Reloaded:
        self._metrics.config_reloaded(reloaded.result)
        self.last = reloaded
        return reloaded

    def _stamp(self) -> tuple[tuple[str, int, int], ...]:
        return tuple(sorted(self._files()))

    def _files(self) -> Iterator[tuple[str, int, int]]:
        for path in self._folder.rglob("*"):
            try:
                found = path.stat()
            except OSError:
                continue
            if path.is_file():
                yield str(path), found.st_mtime_ns, found.st_size
