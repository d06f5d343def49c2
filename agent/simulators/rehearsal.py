# SPDX-License-Identifier: GPL-3.0-or-later
"""One whole call on this machine, SIPp in the contact centre's place, and what really happened."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp

from agent.core.errors import AgentError
from agent.core.model import Project, Snapshot
from agent.core.model.keys import is_hash
from agent.simulators.ear import Ear
from agent.simulators.hearing import Heard
from agent.simulators.processes import Child

_CALLER = Path(__file__).with_name("demo_caller.xml")
_CALLER_RTP = 16384
_UP_SECONDS = 30.0
_HAND_OFF_AFTER = 5.0
_CALL_MILLISECONDS = 8500
_CALL_SECONDS = 60.0
_POLL_SECONDS = 0.05


@dataclass(slots=True)
class Outcome:
    """What the parties to the call saw, each from its own side.

    Attributes:
        call_id: the agent's id of the call.
        contact_id: the CXone contact.
        story: the agent's time line, entries as ``GET /calls/{id}/story`` gives them.
        record: the call as the agent stored it.
        signals: what the CXone simulator received for the contact.
        voice_agent: what the voice agent reported when its leg was over.
        caller_packets: RTP packets that reached the caller.
        caller_lost: those that did not.
        caller_heard: how loud they were.
        longest_gap: longest time without a packet towards the caller, in seconds.
        exit_code: SIPp's; 0 when the dialog went as its scenario says.
    """

    call_id: str
    contact_id: str
    story: list[dict[str, Any]]
    record: dict[str, Any]
    signals: list[dict[str, Any]]
    voice_agent: dict[str, Any]
    caller_packets: int
    caller_lost: int
    caller_heard: Heard
    longest_gap: float
    exit_code: int


@dataclass
class Rehearsal:
    """The processes of a demo. Use it with ``async with``; leaving ends them all.

    Args:
        folder: the configuration, whose project `project` is called.
        work: where logs and recordings go.
    """

    folder: Path
    snapshot: Snapshot
    project: Project
    number: str
    audio: Path
    work: Path
    _children: dict[str, Child] = field(default_factory=dict)
    _exit: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        self._http = await self._exit.enter_async_context(aiohttp.ClientSession())
        try:
            await self._start_all()
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exit.aclose()

    @property
    def operations(self) -> str:
        """URL of the agent's operations listener."""
        return f"http://{self.snapshot.agent.http.operations}"

    @property
    def logs(self) -> Path:
        """The agent's log."""
        return self._children["agent"].log

    async def call(self) -> Outcome:
        """Place the call, let the voice agent hand it off, and gather what everybody saw.

        Raises:
            AgentError: some part did not get so far.
        """
        contact_id = str(time.time_ns() // 1000)
        ear = Ear(_CALLER_RTP, _CALLER_RTP + 200)
        ear.open()
        try:
            exit_code = await self._place_call(contact_id)
        finally:
            ear.close()
        voice_agent = self._children["voice agent"]
        await voice_agent.said(lambda line: '"event": "over"' in line, _UP_SECONDS)
        over = voice_agent.facts("over")[-1]
        signals = await self._get(f"{self._cxone}/simulator/signals?contact_id={contact_id}")
        return Outcome(
            call_id=over["call_id"],
            contact_id=contact_id,
            story=(await self._get(f"{self.operations}/calls/{over['call_id']}/story"))["story"],
            record=await self._get(f"{self.operations}/calls/{over['call_id']}"),
            signals=signals,
            voice_agent=over,
            caller_packets=ear.packets,
            caller_lost=ear.lost,
            caller_heard=ear.heard(),
            longest_gap=ear.longest_gap,
            exit_code=exit_code,
        )

    async def stay(self) -> None:
        """Wait until one of the parts ends."""
        while all(child.running for child in self._children.values()):
            await asyncio.sleep(_POLL_SECONDS)

    # -- parts -----------------------------------------------------------------------------------------------

    @property
    def _cxone(self) -> str:
        if self.project.cxone is None:
            raise AgentError(f"project {self.project.project} has no cxone: the demo needs one")
        return self.project.cxone.issuer

    async def _start_all(self) -> None:
        target = self.project.voice_agent.targets[0].address
        api_key = next((key.get_secret_value() for key in self.project.api_key if not is_hash(key)), "")
        cxone = await self._start("cxone", "simulate", "cxone", "--listen", self._cxone.split("//")[1])
        await cxone.said(lambda line: "listens on" in line, _UP_SECONDS)
        voice_agent = await self._start(
            "voice agent", "simulate", "voice-agent",
            "--listen", f"{target.host}:{target.port or 5060}",
            "--speak", str((self.audio / "voice-agent.wav").absolute()),
            "--record", str(self.work),
            "--hand-off-after", str(_HAND_OFF_AFTER),
            "--api", f"http://{self.snapshot.agent.http.api}",
            "--api-key", api_key,
            "--account", self.project.account,
            "--project", self.project.project,
        )  # fmt: skip
        await voice_agent.said(lambda line: '"event": "listening"' in line, _UP_SECONDS)
        agent = await self._start("agent", "run", "--config", str(self.folder))
        await self._ready(agent)

    async def _start(self, name: str, *arguments: str) -> Child:
        program = str(Path(sys.executable).with_name("handoff-agent"))
        log = self.work / f"{name.replace(' ', '-')}.log"
        child = await Child.start(name, log, program, *arguments)
        self._children[name] = child
        self._exit.push_async_callback(child.end)
        return child

    async def _ready(self, agent: Child) -> None:
        until = time.monotonic() + _UP_SECONDS
        while time.monotonic() < until and agent.running:
            try:
                async with self._http.get(f"{self.operations}/readyz") as answer:
                    if answer.status == 200:  # noqa: PLR2004 - HTTP's OK
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(_POLL_SECONDS)
        await agent.said(lambda _: False, _POLL_SECONDS)

    async def _place_call(self, contact_id: str) -> int:
        listen = next(one for one in self.snapshot.agent.sip.listen if one.transport == "udp")
        token = self.project.token.get_secret_value() if self.project.token else ""
        sipp = await Child.start(
            "sipp", self.work / "sipp.log",
            "sipp", f"{listen.host}:{listen.port}", "-sf", str(_CALLER), "-m", "1", "-nostdin",
            "-i", listen.host, "-mi", listen.host, "-mp", str(_CALLER_RTP), "-d", str(_CALL_MILLISECONDS),
            "-key", "number", self.number, "-key", "contact", contact_id, "-key", "master", contact_id,
            "-key", "token", token, "-timeout", "40s",
            "-trace_err", "-error_file", str(self.work / "sipp.err"),
            folder=self.audio,
        )  # fmt: skip
        self._exit.push_async_callback(sipp.end)
        return await sipp.ended(_CALL_SECONDS)

    async def _get(self, url: str) -> Any:  # noqa: ANN401 - JSON
        async with self._http.get(url) as answer:
            if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
                raise AgentError(f"{url} answered {answer.status}")
            return await answer.json()
