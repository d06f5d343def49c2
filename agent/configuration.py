# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration in force: loaded, replaced as a whole or not at all, and watched for edits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.core.drafts import Draft, Live
from agent.core.errors import AgentError, SettingsError
from agent.core.frozen import NOTHING
from agent.core.model import Project, Snapshot
from agent.core.reload_guard import objection
from agent.core.reloads import Cause, ReloadRecord, Reloads
from agent.core.rollout import ANY, Order, objection_to_going_back
from agent.settings import Fresh, Summary, Watch, as_it_runs, load_in_child, restart_needed
from agent.settings.preview import Preview, preview_in_child
from agent.telemetry.logs import logger
from agent.telemetry.metrics import Metrics

_log = logger("configuration")
_KEPT_OUT = ("refused", "held", "back")
_UNASKED = Cause("file")


class BusyError(AgentError):
    """A preview is being made, and one at a time is enough for the machine that carries the calls."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of a reload.

    Attributes:
        result: ``loaded``, ``unchanged``, ``refused``, ``held`` until it is confirmed, or ``back``: the one
            before is in force again, not what is on disk.
        mistakes: one line each, when it was refused or held; the old configuration stays in force.
        changes: one line each, when it was loaded.
        restart: keys that differ from those that the process runs with, until it is started again.
        counts: how much changed of each sort, when it was loaded.
        files: the fingerprint that the files on disk give; empty where they have mistakes.
    """

    result: str
    mistakes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    counts: Mapping[str, int] = NOTHING
    files: str = field(default="", compare=False)

    @property
    def kept_out(self) -> bool:
        """Whether what is on disk is not in force."""
        return self.result in _KEPT_OUT


class Configuration:
    """Holds the snapshot in force.

    Keys that are read once, at start, keep in it the values that the process runs with, so that no part of
    the agent can see another one.

    Args:
        folder: where the files are.
        snapshot: what was loaded at the start.
        metrics: told of each reload.
        applied: called after a new snapshot came into force.
        reloads: is told what becomes of each reload, and of this start.

    Attributes:
        snapshot: the one in force.
        last: what became of the last reload.
        reloads: what became of the newest ones.
        written: where values stand in the files as they were read last without a mistake.
    """

    def __init__(
        self,
        folder: Path,
        snapshot: Snapshot,
        metrics: Metrics,
        applied: Callable[[Summary], None],
        reloads: Reloads | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.last: Reloaded | None = None
        self.reloads = reloads or Reloads()
        self.written = snapshot.written
        self._before: Snapshot | None = None  # another fingerprint than what is in force
        self._folder = folder
        self._metrics = metrics
        self._applied = applied
        self._watch = Watch(folder, self._beside)
        self._fault: str | None = None
        self._looking = False
        self._one_at_a_time = asyncio.Lock()
        self._previewing = False
        self._tell_metrics()
        self.reloads.add(ReloadRecord(time.time(), Cause("start"), "started", rules=len(snapshot.numbers)))

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

    async def look(self) -> Reloaded | None:
        """Reload when a file was edited, and say what became of it.

        Returns at once while an earlier look is still under way, and where edits wait to be asked for.
        """
        if self._looking or not self.snapshot.agent.reload_on_edit:
            return None
        self._looking = True
        try:
            edited = await self._watch.edited()
            self._tell_fault(self._watch.fault)
            return await self.reload() if edited else None
        finally:
            self._looking = False

    def _beside(self) -> list[Path]:
        """The certificates in force, and what belongs to them: others renew these files."""
        agent = self.snapshot.agent
        paths = [
            getattr(tls, key, None)
            for tls in (agent.sip.tls, agent.http.tls)
            for key in ("certificate", "private_key", "ca")
        ]
        return [Path(path) for path in paths if path]

    async def reload(
        self, *, confirmed: bool = False, cause: Cause = _UNASKED, order: Order = ANY
    ) -> Reloaded:
        """Load the files in a child process and put them in force, all or nothing.

        Args:
            confirmed: the number map may lose more than `reload_guard` lets go unasked.
            cause: how it came about, for those who ask later.
            order: what a rollout wants in force, and until when.
        """
        async with self._one_at_a_time:  # of two at once, the one that read older files could end last
            await self._watch.mark_read()
            began = time.monotonic()
            try:
                fresh = await load_in_child(self._folder, self.snapshot)
            except SettingsError as error:
                done = self._keep_out(Reloaded("refused", mistakes=tuple(str(error).splitlines())))
            else:
                done = self._judge(fresh, order, confirmed=confirmed)
            self._remember(done, cause, time.monotonic() - began)
            return done

    async def rehearse(self, *, confirmed: bool = False) -> Reloaded:
        """What a reload would do now. Nothing comes into force, and nobody is told.

        The result is ``would_load``, or as for `reload`.
        """
        async with self._one_at_a_time:
            try:
                fresh = await load_in_child(self._folder, self.snapshot)
            except SettingsError as error:
                return Reloaded("refused", mistakes=tuple(str(error).splitlines()))
            return self._would(fresh, confirmed=confirmed)

    def _would(self, fresh: Fresh, *, confirmed: bool) -> Reloaded:
        summary, files = fresh.summary or Summary(), fresh.snapshot.shared_shown
        running = self.snapshot.agent
        restart = restart_needed(running, fresh.snapshot.agent)
        objects = None if confirmed else objection(summary.before, summary.lost, running.reload_guard)
        if fresh.snapshot.fingerprint == self.snapshot.fingerprint:
            return Reloaded("unchanged", restart=restart, files=files)
        if objects is not None:
            return Reloaded("held", (objects,), summary.lines, restart, summary.counts, files)
        return Reloaded("would_load", (), summary.lines, restart, summary.counts, files)

    async def go_back(self, to: str, instead_of: str, cause: Cause) -> Reloaded:
        """Put what was in force before the last reload in force again; the files stay as they are.

        Args:
            to: its fingerprint.
            instead_of: the fingerprint that must be in force now, so that nobody's later edit is undone.
            cause: how it came about, for those who ask later.
        """
        async with self._one_at_a_time:
            why = objection_to_going_back(
                to, instead_of, self.snapshot.shared_shown, self._before.shared_shown if self._before else ""
            )
            if self.snapshot.shared_shown == to:
                return Reloaded("unchanged")
            if why is not None or self._before is None:
                return Reloaded("refused", (why or "",))
            done = self._back(self._before, cause)
            self._remember(done, cause, 0.0)
            return done

    def _back(self, before: Snapshot, cause: Cause) -> Reloaded:
        left, running = self.snapshot, self.snapshot.agent
        now = replace(
            before, agent=as_it_runs(running, before.agent), certificates=self.snapshot.certificates
        )
        self._put_in_force(now)
        self.written = before.written
        self._applied(Summary())
        by = f" by {cause.who}" if cause.who else ""
        why = f"taken back to {now.shared_shown}{by}: what is on disk stays out until the next reload"
        _log.warning("taken back to the configuration before", to=now.shared_shown, of=left.shared_shown)
        return self._done(Reloaded("back", (why,), restart=restart_needed(running, before.agent)))

    def _put_in_force(self, snapshot: Snapshot) -> None:
        if snapshot.shared != self.snapshot.shared:
            self._before = self.snapshot
        self.snapshot = snapshot
        self._tell_metrics()

    def _tell_metrics(self) -> None:
        fleet = self.snapshot.agent.fleet
        self._metrics.config_loaded(time.time(), self.snapshot.shared_shown)
        self._metrics.fleet_listed(0 if fleet is None else len(fleet.nodes))

    def _remember(self, done: Reloaded, cause: Cause, seconds: float) -> None:
        record = ReloadRecord(
            time.time(),
            cause,
            done.result,
            round(seconds, 3),
            len(self.snapshot.numbers),
            done.counts,
            done.changes,
            done.mistakes,
            done.restart,
        )
        self.reloads.add(record)

    async def preview(self, draft: Draft, live: Live) -> tuple[Preview, str | None]:
        """What number maps would change of what is in force, and what speaks against it unasked.

        Args:
            draft: the maps.
            live: calls that are up.

        Raises:
            BusyError: another preview is being made.
            DraftError: it is none.
            SettingsError: the child failed.
        """
        if self._previewing:
            raise BusyError("another preview is being made: ask again in a moment")
        self._previewing = True
        try:
            found = await preview_in_child(self._folder, self.snapshot, draft, live)
        finally:
            self._previewing = False
        summary = found.summary
        if summary is None:
            return found, None
        return found, objection(summary.before, summary.lost, self.snapshot.agent.reload_guard)

    def _judge(self, fresh: Fresh, order: Order, *, confirmed: bool) -> Reloaded:
        files = fresh.snapshot.shared_shown
        unwanted = order.objection(files, time.time())
        if unwanted is not None:
            return Reloaded("refused", (unwanted,), files=files)
        for name, certificate in fresh.snapshot.certificates.items():
            if certificate.until <= time.time():
                _log.error("a certificate in use has expired, peers refuse it: renew its files", of=name)
        summary, running = fresh.summary or Summary(), self.snapshot.agent
        restart = restart_needed(running, fresh.snapshot.agent)
        if fresh.snapshot.fingerprint == self.snapshot.fingerprint:
            was_out = self.last is not None and self.last.kept_out
            what = "what is on disk is what is in force again" if was_out else "configuration unchanged"
            _log.info(what, restart_needed=restart)
            self.written = fresh.snapshot.written  # a remark more, and lines have moved
            return self._done(Reloaded("unchanged", restart=restart, files=files))
        objects = None if confirmed else objection(summary.before, summary.lost, running.reload_guard)
        if objects is not None:
            return self._keep_out(Reloaded("held", mistakes=(objects,), files=files))
        self._put_in_force(replace(fresh.snapshot, agent=as_it_runs(running, fresh.snapshot.agent)))
        self.written = fresh.snapshot.written
        self._applied(summary)
        _log.info("configuration reloaded", changes=summary.lines, restart_needed=restart)
        return self._done(Reloaded("loaded", (), summary.lines, restart, summary.counts, files))

    def _keep_out(self, reloaded: Reloaded) -> Reloaded:
        _log.error(
            f"reload {reloaded.result}, the old configuration stays in force", mistakes=reloaded.mistakes
        )
        return self._done(reloaded)

    def _done(self, reloaded: Reloaded) -> Reloaded:
        self._metrics.config_reloaded(reloaded.result, kept_out=reloaded.kept_out)
        self.last = reloaded
        return reloaded

    def _tell_fault(self, fault: str | None) -> None:
        if fault != self._fault:
            if fault is not None:
                _log.error("the configuration can't be looked at, edits go unseen", fault=fault)
            else:
                _log.info("the configuration can be looked at again")
        self._fault = fault
