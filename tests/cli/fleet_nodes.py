# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of a fleet without SIP: each the real configuration in force, behind the real routes of a rollout."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from aiohttp import web

from agent.configuration import Configuration
from agent.core.model import Snapshot
from agent.http.audited import ACTIONS, audited
from agent.http.errors import Handler, json_errors
from agent.http.rollout import add_rollout
from agent.http.serving import Server, serve
from agent.running.rollouts import Rollouts
from agent.settings import Fresh, changes, load
from agent.telemetry.audit import Audit
from agent.telemetry.metrics import Metrics
from tests.calls.harness.ports import free_port

FILES = {
    "carriers.yaml": "carriers:\n  one: {sources: [192.0.2.0/24]}\n",
    "projects/care.yaml": (
        'project: care\naccount: acme\nvoice_agent: {targets: [{uri: "sip:bot@10.0.0.5:5070"}]}\n'
    ),
    "numbers/acme.yaml": 'numbers:\n  "9995550100": care\n',
}
MORE = 'numbers:\n  "9995550100": care\n  "9995550101": care\n'
WRONG = 'numbers:\n  "9995550100": nobody\n'

Elsewhere = Callable[[Coroutine[Any, Any, Any]], Any]


async def load_here(folder: Path, in_force: Snapshot | None = None) -> Fresh:
    """What the child does, without one."""
    fresh = load(folder)
    summary = changes(in_force, fresh).summary(len(in_force.numbers)) if in_force is not None else None
    return Fresh(fresh, summary)


class FleetNode:
    """One node.

    Attributes:
        asked: paths of what it was asked, in order.
        before: called with each path before it is answered; may change what comes, and a ConnectionResetError
            cuts the connection.
        ready: what its ``/readyz`` says.
        alarms: the same.
    """

    def __init__(self, name: str, folder: Path, elsewhere: Elsewhere, port: int) -> None:
        self.name = name
        self.folder = folder
        self.port = port
        self.asked: list[str] = []
        self.before: Callable[[str], None] = lambda _path: None
        self.ready = True
        self.alarms: list[dict[str, str]] = []
        self.configuration: Configuration
        self._elsewhere = elsewhere
        self._server: Server | None = None

    def write(self, name: str, text: str) -> None:
        """Replace one of its files."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def holds(self) -> str:
        """The fingerprint in force."""
        return self.configuration.snapshot.shared_shown

    def start(self) -> None:
        """Start it, with what its files say."""
        self._elsewhere(self._start())

    def stop(self) -> None:
        """End it."""
        if self._server is not None:
            self._elsewhere(self._server.aclose())
            self._server = None

    def told(self, step: str) -> int:
        """How often it was told that."""
        return self.asked.count(f"/rollout/{step}")

    async def _start(self) -> None:
        self.configuration = Configuration(self.folder, load(self.folder), Metrics(), lambda _: None)

        @web.middleware
        async def listened(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.asked.append(request.path)
            try:
                self.before(request.path)
            except ConnectionResetError:
                if request.transport is not None:
                    request.transport.abort()
                raise
            return await handler(request)

        app = web.Application(middlewares=[json_errors, audited(Audit()), listened])
        app[ACTIONS] = {}
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        add_rollout(app, Rollouts(self.configuration))
        self._server = await serve(app, "127.0.0.1", self.port)

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _readyz(self, _request: web.Request) -> web.Response:
        body = {
            "ready": self.ready,
            "reason": "as told",
            "alarms": self.alarms,
            "configuration": self.holds(),
        }
        return web.json_response(body, status=200 if self.ready else 503)


class FleetBench:
    """Three nodes, and the folder of who rolls out."""

    def __init__(self, folder: Path, elsewhere: Elsewhere) -> None:
        ports = {f"edge-{number}": free_port() for number in (1, 2, 3)}
        listed = "\n".join(
            f'    - {{name: {name}, sip: "sip:10.0.0.1{name[-1]}:5060", '
            f'operations: "http://127.0.0.1:{port}"}}'
            for name, port in ports.items()
        )
        self.config = folder / "config"
        self.nodes = [FleetNode(name, folder / name, elsewhere, port) for name, port in ports.items()]
        for place in (self.config, *(node.folder for node in self.nodes)):
            for name, text in FILES.items():
                path = place / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            text = f"node: {place.name}\nreload_on_edit: false\nfleet:\n  token: ${{env:FLEET_TOKEN}}\n"
            text += f"  nodes:\n{listed}\n"
            (place / "agent.yaml").write_text(text, encoding="utf-8")
        self.first = load(self.config).shared_shown
        for node in self.nodes:
            node.start()

    def bring(self, text: str, *, but: str = "") -> str:
        """Put a number map on all disks but one, and into the folder; gives the folder's fingerprint."""
        (self.config / "numbers/acme.yaml").write_text(text, encoding="utf-8")
        for node in self.nodes:
            if node.name != but:
                node.write("numbers/acme.yaml", text)
        return load(self.config).shared_shown

    def holds(self) -> list[str]:
        """The fingerprints in force."""
        return [node.holds() for node in self.nodes]

    def close(self) -> None:
        """End all nodes."""
        for node in self.nodes:
            node.stop()
