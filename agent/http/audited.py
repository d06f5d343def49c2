# SPDX-License-Identifier: GPL-3.0-or-later
"""Every request that changes something leaves its trace, whichever handler serves it and however it ends."""

from __future__ import annotations

import json
import time
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from agent.core.rate import Buckets
from agent.http.access import LOG_IN, LOG_OUT, READS
from agent.http.errors import Handler, RefusalError
from agent.http.identity import WHO, named
from agent.telemetry.audit import Audit

ACTIONS: Final = web.AppKey("actions", dict[tuple[str, str], str])
"""Method and path of a route → what it does, for the audit log."""
DEED: Final = web.RequestKey("deed", dict[str, str])
"""What a handler adds to the trace of its request: ``who``, ``about``, ``why``, ``outcome``."""
_ERROR: Final = 400
# The file holds some thousand deeds, and a viewer's tries must not push out those of operators.
_PER_SECOND: Final = 1 / 60
_AT_ONCE: Final = 20.0
_NAMES: Final = 256


def audited(audit: Audit) -> Middleware:
    """Record each request that is no read, with who asked, from where, why, and what became of it.

    A reason comes in the query (``why=``), or from the handler in `DEED`. One who is not known leaves a line
    of another log: what anybody can write must not fill this one. Nor must what viewers try and may not do.
    """
    not_let: Buckets[str] = Buckets(_PER_SECOND, _AT_ONCE, _NAMES)

    @web.middleware
    async def trace(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method in READS or request.path in (LOG_IN, LOG_OUT):
            return await handler(request)
        deed = request[DEED] = {
            "about": request.match_info.get("id", ""),
            "why": request.query.get("why", ""),
        }
        outcome = "broke off"
        try:
            response = await handler(request)
            outcome = _outcome(response)
        except RefusalError as error:
            outcome = f"refused: {error}"
            raise
        except web.HTTPException as error:
            outcome = "done" if error.status < _ERROR else f"refused: {error.reason}"
            raise
        except Exception as error:
            outcome = f"failed: {error}"
            raise
        finally:
            asker = request.get(WHO)
            if asker is not None and (asker.operator or not not_let.take(asker.name, time.monotonic())):
                audit.record(
                    _action(request),
                    who=deed.get("who") or named(request),
                    origin=asker.address,
                    about=deed["about"],
                    why=deed["why"],
                    outcome=deed.get("outcome") or outcome,
                )
        return response

    return trace


def _action(request: web.Request) -> str:
    resource = request.match_info.route.resource
    path = request.path if resource is None else resource.canonical
    return request.app[ACTIONS].get((request.method, path), f"{request.method} {path}")


def _outcome(response: web.StreamResponse) -> str:
    if response.status < _ERROR:
        return "done"
    body = response.body if isinstance(response, web.Response) else None
    try:
        told = json.loads(body) if isinstance(body, bytes) else {}
        return f"refused: {told['error_message']}"
    except (ValueError, KeyError, TypeError):
        return f"refused: HTTP {response.status}"
