# SPDX-License-Identifier: GPL-3.0-or-later
"""All that one call knows from its INVITE and its project: what to record, to dial with and to signal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from agent.core.admission import Admitted
from agent.core.asking import Ask, allowed
from agent.core.call import Plan
from agent.core.chosen import traceparent
from agent.core.frozen import NOTHING
from agent.core.headers import Message
from agent.core.model import Project
from agent.core.moments import Moment, SignalState
from agent.core.offer import preferred_codec
from agent.core.parameters import render, render_headers
from agent.core.reasons import Reason
from agent.core.records import CallRecord, Handoff, Signal, Way
from agent.core.trace_context import HEADER, Parent, parent_of
from agent.core.uris import sip_uri

_MAX_FORWARDS = 70  # RFC 3261 section 8.1.1.6
_MAX_FORWARDS_DIGITS = 3
_SAFE_USER = re.compile(r"[+A-Za-z0-9_.!~*'()&=$,-]{1,64}")


@dataclass(frozen=True)
class Brief:
    """One call's facts.

    Attributes:
        call_id: of the call.
        node: the node's name.
        admitted: what admission found.
        message: the caller's INVITE.
        traced: the share of calls that are; None: traces are off.
        joins: whether the call is part of the trace that its INVITE names.
    """

    call_id: str
    node: str
    admitted: Admitted
    message: Message
    traced: float | None = None
    joins: bool = True

    def codec(self, ours: Iterable[str]) -> str:
        """Which of our codecs the caller's audio has; empty where it leaves the choice to us."""
        return preferred_codec(self.message.body, ours)

    def record(self, sip_call_id: str, state: str, now: float) -> CallRecord:
        """The call as it is first stored; `now` is in seconds since the epoch."""
        project = self.admitted.project
        return CallRecord(
            call_id=self.call_id,
            node=self.node,
            carrier=self.admitted.carrier.name,
            account=project.account,
            project=project.project,
            number=self.admitted.number,
            contact_id=self.admitted.contact_id,
            master_id=self.admitted.master_id,
            sip_call_id=sip_call_id,
            state=state,
            began=now,
        )

    def signal(
        self,
        moment: Moment,
        signal_id: str,
        now: float,
        *,
        reason: Reason | None = None,
        handoff: Handoff | None = None,
        begins: Callable[[], SignalState] | None = None,
    ) -> tuple[Signal, tuple[str, ...]] | None:
        """The signal of a moment and the names of the parameters that had to be cut.

        `begins` says in which state a signal that there is begins; absent, as ``recorded``.

        None where the project wants no signal then, or there is no contact to signal.
        """
        values: Mapping[str, str] = self.values
        overrides: Mapping[str, str] = NOTHING
        if reason is not None or handoff is not None:
            values = {**values, "reason": reason.value if reason else "", **_said(handoff)}
        if handoff is not None:
            overrides = handoff.parameters
        return _compose(
            self.admitted.project,
            moment,
            signal_id,
            now,
            values=values,
            overrides=overrides,
            begins=begins,
        )

    @cached_property
    def values(self) -> dict[str, str]:
        """What placeholders stand for, from the first INVITE on."""
        admitted = self.admitted
        return {
            **_identity(
                admitted.project,
                call_id=self.call_id,
                contact_id=admitted.contact_id,
                master_id=admitted.master_id,
                node=self.node,
                number=admitted.number,
            ),
            "caller": admitted.caller,
            "traceparent": self._traceparent if self.traced is not None else "",
            **{f"label.{name}": value for name, value in self.admitted.rule.labels.items()},
        }

    @cached_property
    def parent(self) -> Parent | None:
        """The span that the call is part of, where the INVITE names one and traces are on."""
        if self.traced is None or not self.joins:
            return None
        return parent_of(self.message.all(HEADER))

    @property
    def _traceparent(self) -> str:
        return traceparent(self.call_id, self.traced, self.parent)

    @property
    def plan(self) -> Plan:
        """What the project planned for the call."""
        project = self.admitted.project
        handoff = project.handoff
        return Plan(
            targets=len(project.voice_agent.targets),
            method=handoff.method,
            back=len(handoff.all_targets),
            on_failure=handoff.on_signal_failure,
            finish_prompt=handoff.finish_prompt is not None,
        )

    def handoff(self, ask: Ask, way: Way, handoff_id: str, now: float, *, refer_to: str = "") -> Handoff:
        """What the voice agent said, as it is stored.

        `refer_to` is what its REFER names; it becomes the target only where the project's list allows it.
        """
        project = self.admitted.project
        return Handoff(
            handoff_id=handoff_id,
            call_id=self.call_id,
            account=project.account,
            project=project.project,
            contact_id=self.admitted.contact_id,
            asked=now,
            destination=ask.destination,
            skill=ask.skill,
            reason=ask.reason,
            parameters={str(name): value for name, value in ask.parameters.items()},
            data=ask.data,
            shared_id=ask.shared_id,
            way=way,
            target=refer_to if _may_go_to(project, refer_to) else "",
        )

    def answer_headers(self) -> list[tuple[str, str]]:
        """What our 200 OK carries for the contact centre's script."""
        return _rendered(self.admitted.project.answer_headers, self.values)

    def transfer_headers(self, handoff: Handoff | None) -> list[tuple[str, str]]:
        """What the REFER, or the INVITE to where the caller goes back to, carries."""
        templates = self.admitted.project.handoff.transfer_headers
        return _rendered(templates, {**self.values, **_said(handoff)})

    def invite_headers(self) -> list[tuple[str, str]]:
        """What the voice agent's INVITE carries: headers passed on as they came, then the project's own."""
        agent = self.admitted.project.voice_agent
        passed = [(name, value) for name in agent.pass_headers for value in self.message.all(name)]
        return [*passed, *_rendered(agent.headers, self.values)]

    @property
    def caller_user(self) -> str:
        """The caller as the user part of our From header; anonymous where it could break the header."""
        caller = self.admitted.caller
        return caller if _SAFE_USER.fullmatch(caller) else "anonymous"

    @property
    def hops_left(self) -> int:
        """Max-Forwards of the voice agent's INVITE: one less than the caller's (RFC 3261 section 16.6)."""
        given = self.message.first("max-forwards")
        known = given.isascii() and given.isdigit() and len(given) <= _MAX_FORWARDS_DIGITS
        return max(0, (int(given) if known else _MAX_FORWARDS) - 1)


def _said(handoff: Handoff | None) -> dict[str, str]:
    if handoff is None:
        return {}
    return {
        "destination": handoff.destination,
        "handoff_id": handoff.handoff_id,
        "reason": handoff.reason,
        "shared_id": handoff.shared_id,
        "skill": handoff.skill,
    }


def _may_go_to(project: Project, refer_to: str) -> bool:
    settings = project.handoff
    if not settings.method.needs_target or not allowed(refer_to, settings.refer_to_allowed):
        return False
    try:
        sip_uri(refer_to)
    except ValueError:
        return False  # nothing that we could dial
    return True


def _rendered(templates: Mapping[str, str], values: Mapping[str, str]) -> list[tuple[str, str]]:
    if not templates:
        return []
    return [(name, value) for name, value in render_headers(templates, values).items() if value]


def _identity(project: Project, **call: str) -> dict[str, str]:
    """Which call it is, and whose: known from its first INVITE until long after its end."""
    return {
        "account": project.account,
        "environment": project.environment,
        "project": project.project,
        **call,
    }


def signal_after_the_fact(
    call: CallRecord, project: Project, signal_id: str, now: float, reason: Reason
) -> Signal | None:
    """The `failed` signal of a call of which only the record is left; None where the project wants none."""
    values = _identity(
        project,
        call_id=call.call_id,
        contact_id=call.contact_id,
        master_id=call.master_id,
        node=call.node,
        number=call.number,
    )
    values["reason"] = reason.value
    composed = _compose(project, Moment.FAILED, signal_id, now, values=values)
    return composed[0] if composed else None


def _compose(
    project: Project,
    moment: Moment,
    signal_id: str,
    now: float,
    *,
    values: Mapping[str, str],
    overrides: Mapping[str, str] = NOTHING,
    begins: Callable[[], SignalState] | None = None,
) -> tuple[Signal, tuple[str, ...]] | None:
    templates = project.signals.get(moment)
    if templates is None or project.cxone is None or not values["contact_id"]:
        return None
    rendered = render(templates, values, overrides, project.cxone.parameter_limit)
    signal = Signal(
        signal_id=signal_id,
        call_id=values["call_id"],
        account=project.account,
        project=project.project,
        contact_id=values["contact_id"],
        moment=moment,
        parameters=rendered.parameters,
        recorded=now,
        expires=now + project.signal_ttl,
        state=SignalState.RECORDED if begins is None else begins(),
    )
    return signal, rendered.cut
