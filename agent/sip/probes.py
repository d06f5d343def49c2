# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes the voice agents of the projects that want it, so that calls avoid those that are down."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from agent.core.call import UNREACHED
from agent.core.errors import SipError
from agent.core.model import Probe, Snapshot, Target
from agent.core.probing import Health
from agent.core.uris import SipUri
from agent.sip.resolver import Hop, Resolver
from agent.sip.stack import Stack
from agent.telemetry.logs import logger
from agent.telemetry.metrics import Metrics

_log = logger("probes")
_ANSWER_SECONDS = 2.0
_UNREACHABLE = 503
_Key: TypeAlias = tuple[str, str]  # project, URI


class Probes:
    """Sends OPTIONS to each target again and again, each in its own time.

    Args:
        stack: what sends them.
        resolver: knows the addresses of names.
        metrics: told of each target's state.
        run: starts a coroutine and keeps it.
    """

    def __init__(
        self,
        stack: Stack,
        resolver: Resolver,
        metrics: Metrics,
        run: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._stack = stack
        self._resolver = resolver
        self._metrics = metrics
        self._run = run
        self._watched: dict[_Key, _Watched] = {}

    @property
    def down(self) -> frozenset[str]:
        """URIs of the targets that do not answer."""
        return frozenset(uri for (_, uri), watched in self._watched.items() if not watched.health.up)

    def follow(self, snapshot: Snapshot) -> None:
        """Probe the targets of this configuration and no others; what is known of those that stay is kept."""
        wanted = {
            (project.project, target.uri): (project.voice_agent.probe, target)
            for project in snapshot.projects.values()
            if project.voice_agent.probe is not None
            for target in project.voice_agent.targets
        }
        for key, watched in tuple(self._watched.items()):
            if key not in wanted or wanted[key][0] != watched.probe:
                del self._watched[key]
                watched.end()
                self._metrics.target_removed(*key)
        for key, (probe, target) in wanted.items():
            if key not in self._watched and probe is not None:
                self._watched[key] = watched = _Watched(probe, target)
                self._metrics.target_probed(*key, up=True)
                self._later(key, watched, random.random() * min(probe.every, 1.0))  # noqa: S311 - spreads load

    def end(self) -> None:
        """Probe no more."""
        for watched in self._watched.values():
            watched.end()
        self._watched.clear()

    def _later(self, key: _Key, watched: _Watched, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        watched.timer = loop.call_later(seconds, lambda: self._run(self._probe(key, watched)))

    async def _probe(self, key: _Key, watched: _Watched) -> None:
        try:
            status = await self._status(watched)
        except SipError:
            status = _UNREACHABLE
        except Exception:
            self._next(key, watched)  # a mistake of ours says nothing of the target
            raise
        self._took(key, watched, status)

    async def _status(self, watched: _Watched) -> int:
        """What the target answers, at the first of its addresses at which somebody is there."""
        target, status = watched.target.address, _UNREACHABLE
        for hop in await self._resolver.locate(target):
            status = await self._answer(watched, target, hop)
            if status not in UNREACHED or watched.over:
                break
            self._resolver.silent(hop)
        return status

    async def _answer(self, watched: _Watched, target: SipUri, hop: Hop) -> int:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        watched.answer = answer

        def done(status: int) -> None:
            if not answer.done():
                answer.set_result(status)

        self._stack.probe(target, hop, min(_ANSWER_SECONDS, watched.probe.every), done)
        return await answer

    def _took(self, key: _Key, watched: _Watched, status: int) -> None:
        if self._watched.get(key) is not watched:
            return  # the configuration has changed meanwhile
        self._next(key, watched)
        if watched.health.take(status):
            project, target = key
            up = watched.health.up
            told = _log.info if up else _log.warning
            told(
                "voice agent is up" if up else "voice agent is down",
                project=project,
                target=target,
                status=status,
            )
            self._metrics.target_probed(project, target, up=up)

    def _next(self, key: _Key, watched: _Watched) -> None:
        if self._watched.get(key) is watched:
            self._later(key, watched, watched.probe.every)


class _Watched:
    """One target, how it is, and when it is probed next."""

    def __init__(self, probe: Probe, target: Target) -> None:
        self.probe = probe
        self.target = target
        self.health = Health(probe)
        self.timer: asyncio.TimerHandle | None = None
        self.answer: asyncio.Future[int] | None = None
        self.over = False

    def end(self) -> None:
        self.over = True
        if self.timer is not None:
            self.timer.cancel()
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(_UNREACHABLE)  # nobody waits for it any more
