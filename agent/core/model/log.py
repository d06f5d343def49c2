# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml: the log."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent.core.model.base import FilePath, Model


class Log(Model):
    """What is logged and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="The least level written; `handoff-agent loglevel` sets another one for a while.",
    )
    format: Literal["json", "text", "console"] = Field(
        default="json", description="One JSON object a line, or text (console) for people."
    )
    numbers: Literal["masked", "shown"] = Field(
        default="masked", description="Whether phone numbers in logs keep only their last digits."
    )
    file: FilePath | None = Field(
        default=None,
        description="Where lines are appended to; standard error when absent. It may be rotated at any time: "
        "a file that was moved or emptied is noticed. It must lie outside of the configuration folder.",
    )
