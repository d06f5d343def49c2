# SPDX-License-Identifier: GPL-3.0-or-later
"""What the doctor finds: one line each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.cli.wording import printable


class Health(StrEnum):
    """How a step went."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One step of an examination.

    Attributes:
        subject: a project, or ``machine``.
        step: what was looked at.
        health: how it is.
        said: what was seen; never a secret.
        cause: the likely cause when it is not well.
        remedy: what to do then.
    """

    subject: str
    step: str
    health: Health
    said: str
    cause: str = ""
    remedy: str = ""

    def line(self, subject_width: int, step_width: int) -> str:
        """The finding on one line; the widths are those of the columns, in characters."""
        likely = f"; likely: {self.cause}" if self.cause else ""
        remedy = f" → {self.remedy}" if self.remedy else ""
        head = f"{self.subject:<{subject_width}}  {self.step:<{step_width}}  {self.health.value:<6}"
        return f"{head}  {printable(self.said + likely + remedy)}"
