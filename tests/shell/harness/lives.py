# SPDX-License-Identifier: GPL-3.0-or-later
"""Lives of calls: what happens, and what each life asks of the storage and of the stack."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.core.model import Project
from tests.shell.harness import steps as step
from tests.shell.harness.settings import AGENT, QUEUE, SECOND_AGENT, SECOND_QUEUE, back, care
from tests.shell.harness.steps import Step


@dataclass(frozen=True)
class Life:
    """One call from its INVITE to its end.

    Attributes:
        name: what it is called in tables.
        steps: what happens.
        ends: how its record says that it ended: end and reason.
        storage: what is asked of the storage, in order.
        verbs: what is asked of the stack, in order.
        opening: whether both begin as those of every call that is bridged; that part is played in the first.
        project: whose call it is.
    """

    name: str
    steps: tuple[Step, ...]
    ends: str
    storage: str
    verbs: str
    opening: bool = False
    project: Project = field(default_factory=care)

    def asks_of_storage(self) -> list[tuple[str, int]]:
        """Each operation of its own: its name, and the how-many-th of this name it is."""
        return self._own(self.storage, OPENED)

    def asks_of_stack(self) -> list[tuple[str, int]]:
        """The same of verbs."""
        return self._own(self.verbs, BRIDGED_VERBS)

    def _own(self, trail: str, shared: str) -> list[tuple[str, int]]:
        names = trail.split()
        places = [(name, names[: at + 1].count(name)) for at, name in enumerate(names)]
        return places[len(shared.split()) :] if self.opening else places


OPENED = "open_call update_signal update_call"
JOINED = "caller.answer caller.hear agent.hear"
BRIDGED_VERBS = f"agent.dial {JOINED}"
LEAVE = "comfort.player caller.hear agent.hear agent.hang_up"

BRIDGED = (step.caller_comes, step.agent_answers)
HANDED_OFF = (*BRIDGED, step.asked_by_http)
TWO_AGENTS = care(AGENT, SECOND_AGENT)
TWO_QUEUES = (QUEUE, SECOND_QUEUE)
HOOK = {"url": "https://crm.example/handoffs", "secret": "made up"}

LIVES = (
    Life(
        "caller hangs up while bridged",
        (*BRIDGED, step.caller_hangs_up),
        ends="caller caller_hung_up",
        storage="open_call update_signal update_call update_call",
        verbs="agent.dial caller.answer caller.hear agent.hear agent.hang_up",
    ),
    Life(
        "caller gives up while recording",
        (step.caller_comes_and_gives_up,),
        ends="caller cancelled",
        storage="open_call update_signal update_call",
        verbs="",
    ),
    Life(
        "caller gives up while dialling",
        (step.caller_comes, step.agent_rings, step.caller_hangs_up),
        ends="caller cancelled",
        storage="open_call update_signal update_call",
        verbs="agent.dial caller.ring agent.hang_up",
    ),
    Life(
        "early media",
        (step.caller_comes, step.agent_rings_with_media, step.agent_answers, step.caller_hangs_up),
        ends="caller caller_hung_up",
        storage="open_call update_signal update_call update_call",
        verbs=f"agent.dial caller.ring caller.hear agent.hear {JOINED} agent.hang_up",
    ),
    Life(
        "failover",
        (step.caller_comes, step.agent_is_busy, step.agent_answers, step.caller_hangs_up),
        ends="caller caller_hung_up",
        storage="open_call update_signal update_call update_call",
        verbs="agent.dial agent.dial caller.answer caller.hear agent.hear agent.hang_up",
        project=TWO_AGENTS,
    ),
    Life(
        "an answer without audio",
        (step.caller_comes, step.agent_answers_in_vain, step.agent_answers, step.caller_hangs_up),
        ends="caller caller_hung_up",
        storage="open_call update_signal update_call update_call",
        verbs="agent.dial agent.hang_up agent.dial caller.answer caller.hear agent.hear agent.hang_up",
        project=TWO_AGENTS,
    ),
    Life(
        "nobody answers",
        (step.caller_comes, step.agent_is_busy, step.agent_is_busy, step.nice_accepts),
        ends="failed no_agent",
        storage="open_call update_signal record_signal update_signal update_call",
        verbs="agent.dial agent.dial caller.refuse",
        project=TWO_AGENTS,
    ),
    Life(
        "nobody responds",
        (step.caller_comes, step.seconds(5), step.seconds(5), step.nice_accepts),
        ends="failed no_agent",
        storage="open_call update_signal record_signal update_signal update_call",
        verbs="agent.dial agent.hang_up agent.dial agent.hang_up caller.refuse",
        project=TWO_AGENTS,
    ),
    Life(
        "digits",
        (*BRIDGED, step.caller_presses, step.agent_presses, step.caller_hangs_up),
        ends="caller caller_hung_up",
        storage=f"{OPENED} update_call",
        verbs=f"{BRIDGED_VERBS} agent.send_dtmf caller.send_dtmf agent.hang_up",
        opening=True,
    ),
    Life(
        "completed",
        (*BRIDGED, step.agent_hangs_up, step.nice_accepts),
        ends="completed completed",
        storage=f"{OPENED} record_signal update_signal update_call",
        verbs=f"{BRIDGED_VERBS} comfort.player caller.hear caller.hang_up",
        opening=True,
    ),
    Life(
        "released, and CXone hangs up",
        (*HANDED_OFF, step.nice_accepts, step.caller_hangs_up),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff signals update_signal update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE}",
        opening=True,
    ),
    Life(
        "released, and we hang up",
        (*HANDED_OFF, step.nice_accepts, step.seconds(6)),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff signals update_signal update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE} caller.hang_up",
        opening=True,
    ),
    Life(
        "released at the deadline",
        (*HANDED_OFF, step.seconds(4), step.caller_hangs_up),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff signals update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE}",
        opening=True,
    ),
    Life(
        "caller hangs up while telling",
        (*HANDED_OFF, step.caller_hangs_up),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff signals update_call",
        verbs=f"{BRIDGED_VERBS} agent.hang_up",
        opening=True,
    ),
    Life(
        "asked by REFER",
        (*BRIDGED, step.asked_by_refer, step.nice_accepts, step.caller_hangs_up),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff update_signal update_call",
        verbs=f"{BRIDGED_VERBS} comfort.player caller.hear agent.hear agent.notify agent.hang_up",
        opening=True,
    ),
    Life(
        "asked by BYE",
        (*BRIDGED, step.asked_by_bye, step.nice_accepts, step.caller_hangs_up),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff update_signal update_call",
        verbs=f"{BRIDGED_VERBS} comfort.player caller.hear",
        opening=True,
    ),
    Life(
        "kept",
        (*BRIDGED, step.asked_by_info, step.nice_refuses, step.caller_hangs_up),
        ends="handoff signal_failed",
        storage=f"{OPENED} record_handoff update_signal update_call update_call",
        verbs=f"{BRIDGED_VERBS} agent.inform agent.hang_up",
        opening=True,
        project=care(handoff={"on_signal_failure": "keep"}),
    ),
    Life(
        "referred",
        (*HANDED_OFF, step.nice_accepts, step.referred),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff signals update_signal update_call update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE} caller.refer caller.hang_up",
        opening=True,
        project=care(handoff=back("refer")),
    ),
    Life(
        "referred to the second target",
        (*HANDED_OFF, step.nice_accepts, step.not_referred, step.referred),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff signals update_signal update_call update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE} caller.refer caller.refer caller.hang_up",
        opening=True,
        project=care(handoff=back("refer", *TWO_QUEUES)),
    ),
    Life(
        "referred as the signal failed",
        (*HANDED_OFF, step.nice_refuses, step.referred),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff signals update_signal update_call update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE} caller.refer caller.hang_up",
        opening=True,
        project=care(handoff=back("release", on_signal_failure="refer")),
    ),
    Life(
        "bridged back",
        (*HANDED_OFF, step.nice_accepts, step.target_answers, step.caller_presses, step.target_hangs_up),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff signals update_signal update_call update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE} target.dial caller.hear target.hear target.send_dtmf caller.hang_up",
        opening=True,
        project=care(handoff=back("bridge")),
    ),
    Life(
        "bridged to the second target",
        (*HANDED_OFF, step.nice_accepts, step.target_is_busy, step.target_answers, step.caller_hangs_up),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff signals update_signal update_call update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE} target.dial target.dial caller.hear target.hear target.hang_up",
        opening=True,
        project=care(handoff=back("bridge", *TWO_QUEUES)),
    ),
    Life(
        "no target answers",
        (*HANDED_OFF, step.nice_accepts, step.target_is_busy, step.caller_hangs_up),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff signals update_signal update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE} target.dial",
        opening=True,
        project=care(handoff=back("bridge")),
    ),
    Life(
        "the prompt is finished",
        (*HANDED_OFF, step.looks(12), step.nice_accepts, step.caller_hangs_up),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff signals update_signal update_signal update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE}",
        opening=True,
        project=care(handoff={"finish_prompt": {"silence": 0.4}}),
    ),
    Life(
        "referred in a while",
        (*HANDED_OFF, step.nice_accepts, step.refer_put_off, step.seconds(3), step.referred),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff signals update_signal update_call update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE} caller.refer caller.refer caller.hang_up",
        opening=True,
        project=care(handoff=back("refer")),
    ),
    Life(
        "the caller's session runs out",
        (*BRIDGED, step.caller_is_lost, step.nice_accepts),
        ends="failed session_expired",
        storage=f"{OPENED} record_signal update_call update_signal",
        verbs=f"{BRIDGED_VERBS} agent.hang_up",
        opening=True,
    ),
    Life(
        "the voice agent is lost",
        (*BRIDGED, step.agent_is_lost, step.nice_accepts, step.caller_hangs_up),
        ends="failed agent_lost",
        storage=f"{OPENED} record_signal update_signal update_call",
        verbs=f"{BRIDGED_VERBS} comfort.player caller.hear",
        opening=True,
    ),
    Life(
        "media is lost",
        (*BRIDGED, step.agent_falls_silent, step.seconds(90), step.nice_accepts, step.caller_hangs_up),
        ends="failed media_lost",
        storage=f"{OPENED} record_signal update_call update_signal",
        verbs=f"{BRIDGED_VERBS} {LEAVE} caller.hang_up",
        opening=True,
    ),
    Life(
        "an operator ends it",
        (*BRIDGED, step.operator_ends_it, step.nice_accepts, step.caller_hangs_up),
        ends="failed operator",
        storage=f"{OPENED} record_signal update_signal update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE}",
        opening=True,
    ),
    Life(
        "with a webhook",
        (*HANDED_OFF, step.nice_accepts, step.caller_hangs_up),
        ends="handoff handoff",
        storage=f"{OPENED} record_handoff update_signal signals update_signal update_signal update_call",
        verbs=f"{BRIDGED_VERBS} {LEAVE}",
        opening=True,
        project=care(webhook=HOOK),
    ),
)
