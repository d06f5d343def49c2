# SPDX-License-Identifier: GPL-3.0-or-later
"""Which handoff a rehearsal shows: how it is asked for, and how the caller goes back. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.methods import Method, OnFailure
from agent.core.records import Way


@dataclass(frozen=True, slots=True)
class Combination:
    """One handoff to show.

    Attributes:
        on_signal_failure: NICE refuses the handoff signal, and this is the project's answer to it; None where
            NICE takes it.
        finish_prompt: the voice agent goes on speaking after it asked, and may finish.
        refer_refused: the contact centre declines the REFER.
    """

    ask: Way = Way.HTTP
    back: Method = Method.RELEASE
    on_signal_failure: OnFailure | None = None
    finish_prompt: bool = False
    refer_refused: bool = False

    def impossible(self) -> str:
        """Why this handoff is impossible, in one line; ``""`` if it is possible."""
        if self.ask is Way.BYE and self.finish_prompt:
            return "--finish-prompt: a voice agent that has hung up says nothing more; use another --ask"
        if self.ask is Way.BYE and self.on_signal_failure is OnFailure.KEEP:
            return "--on-signal-failure keep: who hung up can't keep the caller; use another --ask"
        if self.refer_refused and not self.refers:
            return "--refuse-refer: no REFER is sent in this combination; add --back refer"
        return ""

    @property
    def kept(self) -> bool:
        """Whether the voice agent keeps the caller."""
        return self.on_signal_failure is OnFailure.KEEP

    @property
    def refers(self) -> bool:
        """Whether the caller's leg gets a REFER."""
        return self._goes is Method.REFER

    @property
    def bridges(self) -> bool:
        """Whether the human queue is dialled."""
        return self._goes is Method.BRIDGE

    @property
    def _goes(self) -> Method | None:
        """How the caller goes back; None: not at all."""
        match self.on_signal_failure:
            case OnFailure.KEEP:
                return None
            case OnFailure.REFER:
                return Method.REFER
        return self.back
