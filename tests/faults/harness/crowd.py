# SPDX-License-Identifier: GPL-3.0-or-later
"""Many calls at once by hand: one socket for all callers, one for all voice agents, each message an event.

SIPp can't tell a test the instant at which a message came; this can, and lets each call end in its own way.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

import aiohttp

from agent.simulators.messages import WireMessage
from tests.calls.harness.house import House, identity
from tests.calls.harness.plan import API_KEY, CARE, VOICE_AGENT
from tests.calls.harness.ports import free_port, free_rtp_port
from tests.faults.harness.datagrams import Datagrams
from tests.faults.harness.sip_text import contact, idle_audio, request, response


class Way(StrEnum):
    """What becomes of a call, if nothing happens to the agent."""

    COMPLETED = "the voice agent hangs up"
    HANDOFF = "the voice agent hands the caller back"
    HUNG_UP = "the caller hangs up"
    CANCELLED = "the caller gives up while it rings"
    NO_AGENT = "the voice agent is busy"
    STAYS = "it stays up"


@dataclass(eq=False)
class CrowdCall:
    """One call and what was seen of it at its ends."""

    contact_id: str
    way: Way
    number: str
    project: str
    talk: float
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    seen: list[str] = field(default_factory=list)
    agent_call_id: str = ""
    promised: int = 0  # the status of the handoff's answer
    caller_leg: WireMessage | None = None  # the 200 that the caller got
    agent_leg: WireMessage | None = None  # the INVITE that the voice agent got
    over: bool = False

    @property
    def up(self) -> bool:
        """Whether both ends have talked to each other's 200."""
        return self.saw("200 INVITE at the caller") and self.saw("ACK at the voice agent")

    def saw(self, step: str) -> bool:
        """Whether that step was seen."""
        return step in self.seen


class Crowd:
    """Callers and voice agents of one agent.

    Args:
        house: the agent.
        on: called at each step of each call, before anything more is done about it.

    Attributes:
        calls: all calls so far.
    """

    def __init__(
        self, house: House, on: Callable[[str, CrowdCall], None] = lambda _step, _call: None
    ) -> None:
        self._house, self._on = house, on
        plan = house.plan
        self.calls: list[CrowdCall] = []
        self._by_contact: dict[str, CrowdCall] = {}
        self._by_leg: dict[str, CrowdCall] = {}
        self._callers = Datagrams("127.0.0.1", free_port(), plan.sip, self._caller_heard)
        self._agents = Datagrams(VOICE_AGENT, plan.first, plan.sip, self._agent_heard)
        self._rtp = free_rtp_port()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._session: aiohttp.ClientSession | None = None
        self._era = 0

    async def __aenter__(self) -> Self:
        """Open the sockets."""
        await self._callers.open()
        await self._agents.open()
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them; what is up is left."""
        self.forget()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._callers.close()
        self._agents.close()
        if self._session is not None:
            await self._session.close()

    # -- what a test does ---------------------------------------------------------------------------------

    def call(
        self, contact_id: str, way: Way, *, talk: float = 0.0, number: str = CARE, project: str = "acme-care"
    ) -> CrowdCall:
        """Send the INVITE of a new call; ``talk`` is how long it is up before its way ends it, seconds."""
        call = CrowdCall(contact_id, way, number, project, talk)
        self.calls.append(call)
        self._by_contact[contact_id] = call
        self._by_leg[call.call_id] = call
        body = idle_audio(self._rtp)
        self._callers.send(self._of_caller(call, "INVITE", 1, more=identity(contact_id), body=body))
        self._step("INVITE sent", call)
        return call

    def hang_up(self, call: CrowdCall) -> None:
        """The caller sends BYE."""
        if not call.over and call.caller_leg is not None:
            self._callers.send(self._of_caller(call, "BYE", 2))
            self._step("BYE sent by the caller", call)

    def agent_hangs_up(self, call: CrowdCall) -> None:
        """The voice agent sends BYE."""
        invite = call.agent_leg
        if call.over or invite is None:
            return
        dialog = {
            "From": f"{invite.first('To')};tag=a{call.call_id[:8]}",
            "To": invite.first("From"),
            "Call-ID": invite.first("Call-ID"),
            "CSeq": "1",
        }
        self._agents.send(request("BYE", contact(invite), dialog, self._agents.here))
        self._step("BYE sent by the voice agent", call)

    def hand_off(self, call: CrowdCall) -> None:
        """The voice agent asks for a handoff."""
        task = asyncio.get_running_loop().create_task(self._hand_off(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def forget(self) -> None:
        """The agent is dead: its dialogs mean nothing any more."""
        self._era += 1
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for call in self.calls:
            call.over = True
        self._by_contact.clear()
        self._by_leg.clear()

    @property
    def unfinished(self) -> list[CrowdCall]:
        """Calls that have not come as far as their way leads."""
        return [call for call in self.calls if not call.over and not (call.way is Way.STAYS and call.up)]

    # -- the callers ----------------------------------------------------------------------------------------

    def _caller_heard(self, message: WireMessage) -> None:
        call = self._by_leg.get(message.first("Call-ID"))
        if call is None:
            return
        if not message.status:
            if message.method == "ACK":
                return
            self._step(f"{message.method} at the caller", call)
            self._callers.send(response(message, "200 OK", "caller", f"sip:crowd@{self._callers.here}"))
            call.over = call.over or message.method == "BYE"
            return
        self._step(f"{message.label} at the caller", call)
        if message.answers == "INVITE":
            self._caller_answered(call, message)
        elif message.answers == "BYE":
            call.over = True

    def _caller_answered(self, call: CrowdCall, message: WireMessage) -> None:
        if message.status < 200:
            if message.status == 180 and call.way is Way.CANCELLED and not call.saw("CANCEL sent"):
                self._callers.send(self._of_caller(call, "CANCEL", 1))
                self._step("CANCEL sent", call)
            return
        if message.status >= 300:
            to = message.first("To")
            self._callers.send(self._of_caller(call, "ACK", 1, to=to, branch=f"z9hG4bK{call.call_id}"))
            call.over = True
            return
        first = call.caller_leg is None
        call.caller_leg = message
        self._callers.send(self._of_caller(call, "ACK", 1))
        if first and call.way is Way.HUNG_UP:
            self._later(call.talk, self.hang_up, call)

    def _of_caller(
        self,
        call: CrowdCall,
        method: str,
        cseq: int,
        *,
        to: str = "",
        branch: str = "",
        more: str = "",
        body: str = "",
    ) -> bytes:
        uri = f"sip:{call.number}@127.0.0.1:{self._house.plan.sip}"
        dialog = {
            "From": f"<sip:caller@{self._callers.here}>;tag=c{call.call_id[:8]}",
            "To": to or f"<{uri}>",
            "Call-ID": call.call_id,
            "CSeq": str(cseq),
        }
        if call.caller_leg is not None:
            dialog["To"], uri = call.caller_leg.first("To"), contact(call.caller_leg)
        elif method in ("INVITE", "CANCEL"):
            branch = f"z9hG4bK{call.call_id}"
        return request(method, uri, dialog, self._callers.here, branch=branch, more=more, body=body)

    # -- the voice agents -----------------------------------------------------------------------------------

    def _agent_heard(self, message: WireMessage) -> None:
        call = self._by_leg.get(message.first("Call-ID"))
        if message.method == "INVITE" and call is None:
            call = self._by_contact.get(message.first("X-Contact-Id"))
            if call is not None:
                self._by_leg[message.first("Call-ID")] = call
                call.agent_leg, call.agent_call_id = message, message.first("X-Call-Id")
                self._step("INVITE at the voice agent", call)
                self._ring(call, message)
            return
        if call is None:
            return
        if message.status:
            self._step(f"{message.label} at the voice agent", call)
            return
        first = not call.saw(f"{message.method} at the voice agent")
        self._step(f"{message.method} at the voice agent", call)
        if message.method == "ACK":
            if first and call.way in (Way.COMPLETED, Way.HANDOFF):
                end = self.hand_off if call.way is Way.HANDOFF else self.agent_hangs_up
                self._later(call.talk, end, call)
            return
        if message.method != "INVITE":
            self._answer(call, message, "200 OK")
        if message.method == "CANCEL" and call.agent_leg is not None:
            self._answer(call, call.agent_leg, "487 Request Terminated")
        if message.method == "BYE" and call.way is Way.HANDOFF:
            self.hang_up(call)  # the script takes the caller back

    def _ring(self, call: CrowdCall, invite: WireMessage) -> None:
        if call.way is Way.NO_AGENT:
            self._answer(call, invite, "486 Busy Here")
            return
        self._answer(call, invite, "180 Ringing")
        if call.way is not Way.CANCELLED:
            self._answer(call, invite, "200 OK", idle_audio(self._rtp))

    def _answer(self, call: CrowdCall, asked: WireMessage, status: str, body: str = "") -> None:
        tag = f"a{call.call_id[:8]}"
        self._agents.send(response(asked, status, tag, f"sip:bot@{self._agents.here}", body))

    async def _hand_off(self, call: CrowdCall) -> None:
        assert self._session is not None
        url = f"http://127.0.0.1:{self._house.plan.api}/v1/acme/{call.project}/handoffs"
        body = {"call_id": call.agent_call_id, "destination": "billing", "skill": "4101", "reason": "asked"}
        self._step("handoff asked", call)
        try:
            async with self._session.post(url, json=body, headers={"x-api-key": API_KEY}) as answer:
                call.promised = answer.status
        except (aiohttp.ClientError, OSError):
            return  # the agent died
        self._step("handoff promised", call)

    # -- common ---------------------------------------------------------------------------------------------

    def _step(self, step: str, call: CrowdCall) -> None:
        call.seen.append(step)
        self._on(step, call)

    def _later(self, seconds: float, work: Callable[[CrowdCall], None], call: CrowdCall) -> None:
        def due() -> None:
            self._timers.discard(timer)
            work(call)

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)
