# SPDX-License-Identifier: GPL-3.0-or-later
"""Test calls that the agent makes by itself: ``synthetic`` of a project."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from agent.core.model.base import Duration, Model

_LEAST_SECONDS = 10.0
_MOST_WAIT = 300.0


def _not_too_often(seconds: float) -> float:
    if seconds < _LEAST_SECONDS:
        raise ValueError("a test call takes some 15 seconds: make one every 10s or less often")
    return seconds


def _some_time(seconds: float) -> float:
    if not 0 < seconds <= _MOST_WAIT:
        raise ValueError(f"write more than 0s and {_MOST_WAIT:g}s at most")
    return seconds


class Synthetic(Model):
    """Test calls to the project's voice agent, made again and again."""

    every: Annotated[Duration, AfterValidator(_not_too_often)] = Field(
        default=300.0, description="Time from one test call to the next; each is a call of some 15 s."
    )
    wait: Annotated[Duration, AfterValidator(_some_time)] = Field(
        default=10.0,
        description="How long a test call waits for the greeting to end, and for an answer to what it says.",
    )
