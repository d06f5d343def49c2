# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates whose files were renewed: used from the next handshake on, nothing is closed for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agent.core.errors import AgentError
from agent.core.model import Snapshot
from agent.http.serving import Server
from agent.telemetry.logs import logger
from agent.telemetry.metrics import Metrics

_log = logger("node")


class Renewal:
    """Takes renewed certificates to the listeners that show them.

    Args:
        sip: lets the SIP stack read its files again; returns why it can't, or nothing.
        metrics: told when each certificate expires.
    """

    def __init__(self, sip: Callable[[], str], metrics: Metrics) -> None:
        self._sip = sip
        self._metrics = metrics
        self._api: Server | None = None

    def serves(self, api: Server) -> None:
        """The handoff API is up, on this server."""
        self._api = api

    def tell(self, snapshot: Snapshot) -> None:
        """Tell until when each certificate is good."""
        for name, certificate in snapshot.certificates.items():
            self._metrics.certificate_loaded(name, certificate.until)

    async def renew(self, names: Iterable[str], snapshot: Snapshot) -> None:
        """Use renewed certificates for handshakes from now on; no connection and no listener is closed.

        Args:
            names: ``sip.tls``, ``http.tls``. One that can't be used is logged, and the old one stays.
            snapshot: the configuration that came into force.
        """
        self.tell(snapshot)
        for name in names:
            fault = self._sip() if name == "sip.tls" else await self._of_api(snapshot)
            if fault:
                _log.error("a renewed certificate can't be used, the old one stays", of=name, fault=fault)
            else:
                _log.info("a renewed certificate is in use", of=name)

    async def _of_api(self, snapshot: Snapshot) -> str:
        tls = snapshot.agent.http.tls
        if self._api is None or tls is None:
            return ""
        try:
            await self._api.renew_certificate(tls)
        except AgentError as error:
            return str(error)
        return ""
