# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""The console as somebody on this machine sees it, who needs no log-in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from agent.http.operations import operations_app
from agent.http.serving import serve
from agent.telemetry.audit import Audit


class Console:
    """Asks for pages, and sends their forms.

    Attributes:
        audit: what was changed.
        base: where it is.
    """

    def __init__(self, session: aiohttp.ClientSession, base: str, audit: Audit) -> None:
        self._session = session
        self.audit = audit
        self.base = base

    async def page(self, path: str, status: int = 200, **options: Any) -> str:
        """The text of a page."""
        async with self._session.get(self.base + path, **options) as response:
            text = await response.text()
            assert response.status == status, text
            return text

    async def send(self, page: str, path: str, **fields: str) -> tuple[int, str, str]:
        """Send a form that stands on a page; gives status, where to and the text."""
        csrf = re.search(r'name="csrf" value="(\w+)"', await self.page(page))
        assert csrf is not None
        form = {"csrf": csrf[1], "by": "ana", **fields}
        async with self._session.post(self.base + path, data=form, allow_redirects=False) as response:
            return response.status, response.headers.get("Location", ""), await response.text()


@pytest.fixture
async def console(desk: Any) -> AsyncIterator[Console]:
    audit = Audit()
    server = await serve(operations_app(desk, audit=audit), "127.0.0.1", 0)
    async with aiohttp.ClientSession(headers={"Accept": "text/html"}) as session:
        yield Console(session, f"http://127.0.0.1:{server.port}", audit)
    await server.aclose()
