# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong on demand: faults by endpoint, each counted, limited and switched at run time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import struct
import time
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final, Literal, Self

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from agent.simulators.cxone.answers import ANSWERS

TARGETS: Final = ("signal", "token", "access_key", "openid", "jwks", "discovery", "tms")

Mode = Literal[
    "status",
    "error",
    "html_200",
    "slow",
    "timeout_before_accept",
    "timeout_after_accept",
    "reset_before",
    "reset_after",
    "token_401",
    "no_api_endpoint",
    "migrate",
]

_PAGE: Final = "<!DOCTYPE html><html><head><title>Service</title></head><body>Be right back.</body></html>"


def as_listed(name: str) -> dict[str, object]:
    """The fields of the fault that gives an answer of the list.

    Raises:
        ValueError: there is no such answer.
    """
    if name not in ANSWERS:
        raise ValueError(f"no answer {name!r}; there are {', '.join(ANSWERS)}")
    return ANSWERS[name].as_fault()


class Fault(BaseModel):
    """One fault; docs/simulators.md has a row per field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    answer: str = ""
    mode: Mode = "status"
    status: int = Field(503, ge=100, le=599)
    error: str = ""
    description: str = ""
    body: str = ""
    retry_after: float | None = None
    retry_after_form: Literal["seconds", "date"] = "seconds"
    seconds: float = Field(60, ge=0)
    api_endpoint: str = ""
    accept: bool = False
    contact_id: str = ""
    after: int = Field(0, ge=0)
    times: int | None = Field(None, ge=1)
    share: float = Field(1, gt=0, le=1)
    dice: bool = False
    _taken_away: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)

    @model_validator(mode="before")
    @classmethod
    def _mode_by_what_is_given(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        if "answer" in data:
            return as_listed(str(data["answer"])) | data
        if "mode" not in data and "error" in data:
            return {"mode": "error", "status": 401, **data}
        return data

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode == "migrate" and not self.api_endpoint:
            raise ValueError("mode migrate needs an api_endpoint")
        return self

    @property
    def accepts(self) -> bool:
        """Whether the request takes effect all the same, though its sender is not told."""
        return self.accept or self.mode in ("timeout_after_accept", "reset_after")

    def take_away(self) -> None:
        """Let go of what `slow` holds."""
        self._taken_away.set()

    async def hold(self) -> None:
        """Wait for `seconds`, or until the fault is taken away."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._taken_away.wait(), self.seconds)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    hits: int = 0
    owed: float = 0.0

    def strikes(self) -> bool:
        """Count one request and say whether it is hit; `share` is spread evenly, or thrown as dice."""
        self.seen += 1
        if self.seen <= self.fault.after or (self.fault.times is not None and self.hits >= self.fault.times):
            return False
        if self.fault.dice:
            self.owed = float(random.random() < self.fault.share)  # noqa: S311 - no secret
        else:
            self.owed += self.fault.share
        if self.owed < 1 - 1e-9:
            return False
        self.owed -= 1
        self.hits += 1
        return True


class Faults:
    """The faults in force, by target."""

    def __init__(self) -> None:
        self._armed: dict[str, list[_Armed]] = {}

    def put(self, target: str, faults: list[Fault]) -> None:
        """Replace the faults of one target; an empty list heals it.

        Raises:
            ValueError: there is no such target.
        """
        if target not in TARGETS:
            raise ValueError(f"no target {target!r}; there are {', '.join(TARGETS)}")
        self._take_away(target)
        self._armed[target] = [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """Heal everything: what `slow` holds is served now."""
        for target in tuple(self._armed):
            self._take_away(target)
        self._armed.clear()

    def _take_away(self, target: str) -> None:
        for armed in self._armed.get(target, ()):
            armed.fault.take_away()

    def take(self, target: str, contact_id: str = "") -> Fault | None:
        """The fault that hits this request, the first in order, or None."""
        for armed in self._armed.get(target, ()):
            if armed.fault.contact_id in ("", contact_id) and armed.strikes():
                return armed.fault
        return None

    def listing(self) -> dict[str, list[dict[str, object]]]:
        """All faults with how often each one hit."""
        return {
            target: [armed.fault.model_dump(exclude_unset=True) | {"hits": armed.hits} for armed in several]
            for target, several in self._armed.items()
            if several
        }


async def suffer(fault: Fault, request: web.Request) -> web.StreamResponse | None:
    """Carry out a fault.

    Returns:
        The answer to give, or None when the request should be served as usual (after the delay of ``slow``,
        or because the mode is one that the endpoint itself carries out).
    """
    match fault.mode:
        case "slow":
            await fault.hold()
            return None
        case "status" | "error":
            return _refusal(fault)
        case "html_200":
            return web.Response(text=_PAGE, content_type="text/html")
        case "timeout_before_accept" | "timeout_after_accept":
            await asyncio.sleep(fault.seconds)
            return web.Response(status=504, headers={"icStatusDescription": "Gateway Timeout"})
        case "reset_before" | "reset_after":
            reset(request)
            return web.Response(status=500)
        case _:
            return None


def reset(request: web.Request) -> None:
    """End the request's connection with a TCP reset instead of an answer."""
    if request.transport is not None:
        end = request.transport.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


def _refusal(fault: Fault) -> web.Response:
    headers = {}
    if fault.description:
        headers["icStatusDescription"] = fault.description
    if fault.retry_after is not None:
        in_seconds = fault.retry_after_form == "seconds"
        headers["Retry-After"] = f"{fault.retry_after:.15g}" if in_seconds else _date(fault.retry_after)
    if fault.error:
        body = json.dumps({"error": fault.error, "errorDescription": fault.description or fault.error})
        return web.Response(status=fault.status, text=body, content_type="application/json", headers=headers)
    return web.Response(status=fault.status, text=fault.body, headers=headers)


def _date(seconds: float) -> str:
    """An HTTP date so many seconds from now."""
    return formatdate(time.time() + seconds, usegmt=True)
