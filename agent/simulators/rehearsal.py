# SPDX-License-Identifier: GPL-3.0-or-later
"""One whole call on this machine, SIPp in the contact centre's place, and what happened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

from agent.core.errors import AgentError
from agent.core.model import Project, Snapshot
from agent.core.model.keys import is_hash
from agent.core.moments import Moment
from agent.core.uris import SipUri, sip_uri
from agent.simulators.arrangement import queue_of
from agent.simulators.cast import Cast
from agent.simulators.combination import Combination
from agent.simulators.evidence import COMFORT, QUEUE, VOICE_AGENT, Evidence
from agent.simulators.processes import Child, with_us
from agent.simulators.wire import Wire
from agent.simulators.wiretap import Place, Wiretap

_SIP: Final = 5060
_RTP: Final = 16384
_OVER_SECONDS: Final = 90.0
_CALL_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05

_HAND_OFF_AFTER: Final = 5.0
_TALK_ON: Final = 2.0
_RING_FOR: Final = 1.5
_AFTER_HANDOFF: Final = 3.5
_WITH_QUEUE: Final = 6.0


@dataclass
class Rehearsal:
    """The processes of a demo. Use it with ``async with``; leaving ends them all.

    Args:
        folder: the configuration, whose project `project` is called.
        snapshot: what it says.
        number: what is dialled.
        shown: the handoff to show; the configuration must say the same.
        audio: folder with the prompts.
        work: where logs and recordings go.
        told: is told what happens meanwhile, a few words at a time.
    """

    folder: Path
    snapshot: Snapshot
    project: Project
    number: str
    shown: Combination
    audio: Path
    work: Path
    told: Callable[[str], None] = lambda _: None
    _exit: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        self._http = await self._exit.enter_async_context(aiohttp.ClientSession())
        self._cast = Cast(self.work, self._http, Path.cwd())
        self._exit.push_async_callback(self._cast.end)
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
        return self._cast["agent"].log

    @property
    def seconds(self) -> float:
        """How long the caller stays in seconds, unless the call ends before."""
        after = _WITH_QUEUE if self.shown.bridges else _AFTER_HANDOFF
        return _HAND_OFF_AFTER + after + (_TALK_ON if self.shown.finish_prompt else 0)

    async def call(self) -> Evidence:
        """Place the call, let the voice agent hand it off, and gather what everybody saw.

        Raises:
            AgentError: a process failed or timed out.
        """
        contact_id = str(time.time_ns() // 1000)
        if self.shown.on_signal_failure is not None:
            await self._let_handoff_fail(contact_id)
        wire = Wire(contact_id)
        tap = Wiretap(wire.take)
        tap.open()
        try:
            exit_code = await self._place_call(contact_id)
        finally:
            tap.close()
        if tap.missed:
            raise AgentError(
                f"this machine was too busy to capture every packet: {tap.missed} missed; try again"
            )
        voice_agent = self._cast[VOICE_AGENT]
        await voice_agent.said(lambda line: '"event": "over"' in line, _OVER_SECONDS)
        queue = self._cast.get(QUEUE)
        if queue is not None and queue.facts("call"):
            await queue.said(lambda line: '"event": "over"' in line, _OVER_SECONDS)
        call_id = voice_agent.facts("over")[-1]["call_id"]
        return Evidence(
            shown=self.shown,
            call_id=call_id,
            contact_id=contact_id,
            story=(await self._get(f"{self.operations}/calls/{call_id}/story?numbers=shown"))["story"],
            record=await self._get(f"{self.operations}/calls/{call_id}"),
            signals=await self._get(f"{self._cxone}/simulator/signals?contact_id={contact_id}"),
            voice_agent=voice_agent.told(),
            queue=queue.told() if queue is not None else [],
            wire=wire,
            voice_agent_place=_place(self.project.voice_agent.targets[0].address),
            queue_uri=queue_of(self.project),
            queue_place=_place(sip_uri(queue_of(self.project))),
            voices=self._voices(),
            exit_code=exit_code,
        )

    async def stay(self) -> None:
        """Wait until one of the parts ends."""
        while not self._cast.gone():
            await asyncio.sleep(_POLL_SECONDS)

    # -- parts -----------------------------------------------------------------------------------------------

    @property
    def _cxone(self) -> str:
        if self.project.cxone is None:
            raise AgentError(f"project {self.project.project} has no cxone section, which the demo needs")
        return self.project.cxone.issuer

    def _voices(self) -> dict[str, Path]:
        comfort = self.project.handoff.comfort_audio
        return {
            VOICE_AGENT: self._prompt("voice-agent"),
            **({QUEUE: self._prompt("human-queue")} if self.shown.bridges else {}),
            **({COMFORT: Path(comfort)} if comfort not in ("tone", "silence") else {}),
        }

    def _prompt(self, name: str) -> Path:
        return (self.audio / f"{name}.wav").absolute()

    async def _start_all(self) -> None:
        self.told("starting the simulators")
        await self._cast.cxone(self._cxone.split("//")[1])
        voice_agent = self.project.voice_agent.targets[0].address
        await self._speaker(VOICE_AGENT, voice_agent, "voice-agent", *self._hand_off())
        if self.shown.bridges:
            await self._speaker(
                QUEUE, sip_uri(queue_of(self.project)), "human-queue",
                "--ring-for", str(_RING_FOR), "--rtp-ports", "28000-29999",
            )  # fmt: skip
        self.told("starting the agent")
        await self._cast.agent(self.folder, self.operations)

    def _hand_off(self) -> tuple[str, ...]:
        api_key = next((key.get_secret_value() for key in self.project.api_key if not is_hash(key)), "")
        return (
            "--hand-off-after", str(_HAND_OFF_AFTER),
            "--ask", self.shown.ask,
            "--talk-on", str(_TALK_ON if self.shown.finish_prompt else 0),
            "--api", f"http://{self.snapshot.agent.http.api}",
            "--api-key", api_key,
            "--account", self.project.account,
            "--project", self.project.project,
        )  # fmt: skip

    async def _speaker(self, name: str, address: SipUri, prompt: str, *options: str) -> None:
        """Start a voice agent; the human queue is one too, that never hands off."""
        host, port = _place(address)
        record = self.work / prompt
        record.mkdir()
        await self._cast.voice_agent(
            name, f"{host}:{port}", "--speak", str(self._prompt(prompt)), "--record", str(record), *options
        )

    async def _let_handoff_fail(self, contact_id: str) -> None:
        """NICE takes the first signal of this contact, and refuses what follows for good."""
        fault = {
            "status": 400,
            "contact_id": contact_id,
            "after": int(Moment.ARRIVAL in self.project.signals),
        }
        async with self._http.put(f"{self._cxone}/simulator/faults", json={"signal": fault}) as answer:
            if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
                raise AgentError(f"the CXone simulator refused the fault: {answer.status}")

    async def _place_call(self, contact_id: str) -> int:
        listen = next(one for one in self.snapshot.agent.sip.listen if one.transport == "udp")
        token = self.project.token.get_secret_value() if self.project.token else ""
        sipp = await Child.start(
            "sipp", self.work / "sipp.log",
            *with_us(), "sipp", f"{listen.host}:{listen.port}", "-sf", str(self._scenario), "-m", "1",
            "-nostdin", "-d", str(int(self.seconds * 1000)),
            "-i", listen.host, "-mi", listen.host, "-mp", str(_RTP),
            "-key", "number", self.number, "-key", "contact", contact_id, "-key", "master", contact_id,
            "-key", "token", token, "-timeout", "40s",
            "-trace_err", "-error_file", str(self.work / "sipp.err"),
            folder=self.audio, apart=True,
        )  # fmt: skip
        self._exit.push_async_callback(sipp.end)
        call = asyncio.ensure_future(sipp.ended(_CALL_SECONDS))
        began = time.monotonic()
        try:
            while not call.done():
                self.told(f"the call is up: {time.monotonic() - began:.0f} of about {self.seconds:.0f} s")
                if gone := self._cast.gone():
                    raise AgentError(gone)
                await asyncio.wait({call}, timeout=_POLL_SECONDS)
            return await call
        finally:
            call.cancel()

    @property
    def _scenario(self) -> Path:
        name = "demo_caller"
        if self.shown.refers:
            name = "demo_caller_declines_refer" if self.shown.refer_refused else "demo_caller_referred"
        return Path(__file__).with_name(f"{name}.xml")

    async def _get(self, url: str) -> Any:  # noqa: ANN401 - JSON
        async with self._http.get(url, headers={"X-Requested-By": "handoff-agent demo"}) as answer:
            if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
                raise AgentError(f"{url} answered {answer.status}")
            return await answer.json()


def _place(address: SipUri) -> Place:
    return address.host, address.port or _SIP
