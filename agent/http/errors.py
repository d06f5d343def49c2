# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as JSON ``{"error_message": …}``, and an id for each request; never a traceback to a client."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

from aiohttp import web

from agent.core.errors import AgentError, StorageError
from agent.identifiers import fresh
from agent.telemetry import logs

FACTS: Final = web.RequestKey("facts", dict[str, Any])
"""What a handler adds to a request's lines in the log; ``project`` becomes a label of its count too."""
REQUEST_ID: Final = "X-Request-Id"
RETRY_AFTER: Final = "Retry-After"
_USABLE_ID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)
_WORDS: Final = {
    404: "there is nothing at this address",
    405: "this address does not take that method",
    413: "the body is too large",
    417: "what the Expect header asks for can't be done",
}

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = logs.logger("http")


class RefusalError(AgentError):
    """A request is not served.

    Args:
        status: of the answer.
        message: what the client reads.
        retry_after: seconds after which it may ask again, where that helps.
        fields: the fields that can't be used, as `agent.http.models.FieldError`.
        handoff_id: of the handoff that stands in its way, where there is one.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after: float | None = None,
        fields: Sequence[dict[str, str]] | None = None,
        handoff_id: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retryable = retry_after is not None
        self._retry_after = retry_after
        self._more: dict[str, object] = {} if fields is None else {"fields": fields}
        if handoff_id:
            self._more["id"] = handoff_id

    @property
    def answer(self) -> web.Response:
        """What the client gets."""
        answer = refusal(self.status, str(self), **self._more)
        if self._retry_after is not None:
            answer.headers[RETRY_AFTER] = str(max(1, math.ceil(self._retry_after)))
        return answer


def refusal(status: int, message: str, **more: object) -> web.Response:
    """An error answer."""
    return web.json_response({"error_message": message, **more}, status=status)


def request_id(request: web.BaseRequest) -> str:
    """The client's own id of a request if it is usable, else a new one."""
    offered = request.headers.get(REQUEST_ID, "")
    return offered if _USABLE_ID.fullmatch(offered) else fresh()


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request an id, the client's own if it is usable, and each error the same form."""
    found = request_id(request)
    response = await _answered(request, handler, found)
    response.headers[REQUEST_ID] = found
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
    except RefusalError as error:
        return error.answer
    except StorageError as error:
        facts = request.get(FACTS, {})
        _log.error("a request could not be recorded", request_id=request_id, error=str(error), **facts)
        return RefusalError(503, "it could not be recorded now: try again", retry_after=1).answer
    except AgentError as error:
        if error.retryable:
            return RefusalError(503, str(error), retry_after=1).answer
        return refusal(500, str(error))
    except ConnectionError:
        return refusal(400, "the connection was lost")  # nobody is there to read it
    except Exception:  # noqa: BLE001 - the client gets an id, the log the rest
        facts = request.get(FACTS, {})
        _log.exception("a request broke", request_id=request_id, method=request.method, **facts)
        return refusal(500, f"the agent could not go on; its log has more under {request_id}")
