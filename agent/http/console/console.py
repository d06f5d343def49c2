# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the console together: one line a page."""

from __future__ import annotations

from aiohttp import web

from agent.http.access import Access
from agent.http.audited import ACTIONS
from agent.http.console.assets import add_assets
from agent.http.console.audit import add_audit
from agent.http.console.call import add_call
from agent.http.console.calls import add_calls
from agent.http.console.configuration import add_configuration
from agent.http.console.diagnostics import add_diagnostics_pages
from agent.http.console.drain import add_drain
from agent.http.console.live import STREAMS, Streams
from agent.http.console.log_in import add_log_in
from agent.http.console.numbers import add_numbers
from agent.http.console.overview import add_overview
from agent.http.console.pages import PAGES, Pages
from agent.http.console.signals import add_signals_pages
from agent.http.diagnostics import Diagnostics
from agent.http.own_hosts import GUARDED
from agent.http.ports import OperationsDesk
from agent.telemetry.audit import Audit


def prepare(app: web.Application, desk: OperationsDesk, access: Access) -> None:
    """Give the application what pages, forms and streams need, before any of them is added."""
    app[PAGES] = Pages(access, desk.node_name)
    app[GUARDED] = set()
    app[ACTIONS] = {}
    app[STREAMS] = streams = Streams()
    app.on_shutdown.append(streams.close)


def add_console(
    app: web.Application,
    desk: OperationsDesk,
    access: Access,
    audit: Audit,
    diagnostics: Diagnostics | None = None,
) -> None:
    """Add all pages to the application of the operations listener, which was prepared."""
    add_assets(app)
    add_log_in(app, access, audit)
    add_overview(app, desk)
    add_drain(app, desk)
    add_calls(app, desk)
    add_call(app, desk)
    add_numbers(app, desk)
    add_signals_pages(app, desk)
    add_configuration(app, desk)
    if diagnostics is not None:
        add_diagnostics_pages(app, desk, diagnostics)
    add_audit(app, audit)
