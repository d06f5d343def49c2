# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as JSON ``{"error_message": …}``, and an id for each request; never a traceback to a client."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from aiohttp import web

from agent.core.errors import AgentError, StorageError
from agent.telemetry import logs

REQUEST_ID: Final = "X-Request-Id"
_USABLE_ID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)
_WORDS: Final = {
    404: "there is nothing at this address",
    405: "this address does not take that method",
    413: "the body is too large",
}

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = logs.logger("http")


def refusal(status: int, message: str, **more: object) -> web.Response:
    """An error answer."""
    return web.json_response({"error_message": message, **more}, status=status)


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request an id, the client's own if it is usable, and each error the same form."""
    offered = request.headers.get(REQUEST_ID, "")
    request_id = offered if _USABLE_ID.fullmatch(offered) else secrets.token_hex(8)
    response = await _answered(request, handler, request_id)
    response.headers[REQUEST_ID] = request_id
    return response


async def _answered(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - a redirect is no error
            return error
        answer = refusal(error.status, _WORDS.get(error.status, error.reason))
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except StorageError as error:
        _log.error("a request could not be recorded", request_id=request_id, error=str(error))
        answer = refusal(503, "it could not be recorded now: try again")
        answer.headers["Retry-After"] = "1"
        return answer
    except AgentError as error:
        return refusal(503 if error.retryable else 500, str(error))
    except Exception:  # noqa: BLE001 - the client gets an id, the log the rest
        _log.exception("a request broke", request_id=request_id, method=request.method)
        return refusal(500, f"the agent could not go on; its log has more under {request_id}")
