# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of the simulated voice agent: it speaks, hears, asks for a handoff, and sees what comes of it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import aiohttp

from agent.core.records import Way
from agent.simulators.asking import Words
from agent.simulators.hearing import measure_file
from agent.simulators.manners import behave
from agent.simulators.recorded import written
from agent.sip import events as sip
from agent.sip.leg import Leg
from agent.sip.players import Player, Recording

_REFUSED: Final = 300  # from here on a status says that the caller did not go
_KEPT: Final = "kept"


def say(event: str, **facts: object) -> None:
    """Tell what happened as one line of JSON on standard output; `when` is in seconds since the epoch."""
    sys.stdout.write(json.dumps({"event": event, "when": round(time.time(), 6), **facts}) + "\n")
    sys.stdout.flush()


class Conversation:
    """One call.

    Args:
        leg: its leg.
        call_id: the agent's id of it, as its INVITE said.
        options: what the simulator was told to do.
        speech: what is spoken to the caller.
        seconds: how long that takes once.
        folder: where the recording of the caller goes.
        session: for the handoff API.

    Attributes:
        call_id: as given.
    """

    def __init__(
        self,
        leg: Leg,
        call_id: str,
        options: argparse.Namespace,
        *,
        speech: Player | None,
        seconds: float,
        folder: Path,
        session: aiohttp.ClientSession,
    ) -> None:
        self._leg = leg
        self.call_id = call_id
        self._options = options
        self._speech = speech
        self._seconds = seconds
        self._manner: asyncio.Task[None] | None = None
        self._recording = folder / f"{call_id or leg.key}.wav"
        self._session = session
        self._words = Words(options.destination, options.skill, options.reason)
        self._timer: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Ring, and answer when it is time."""
        self._leg.takes_handoffs = True
        self._leg.info_fits = lambda _: True  # what comes back is not a handoff, but is reported too
        self._leg.ring(180, media=False)
        if self._options.ring_for:
            self._later(self._options.ring_for, self._leg.answer)
        else:
            self._leg.answer()

    def talk(self) -> None:
        """The dialog is up: speak, hear, and do later what the options say."""
        say("answered", call_id=self.call_id)
        self._leg.record(Recording(self._recording))
        self._behave()
        if self._options.hand_off_after is not None:
            self._later(self._options.hand_off_after, self._hand_off)
        elif self._options.hang_up_after is not None:
            self._later(self._options.hang_up_after, self._leg.hang_up)

    def heard_of_transfer(self, event: sip.TransferProgress) -> None:
        """Our REFER was answered, or a NOTIFY told of it."""
        say("transfer", call_id=self.call_id, status=event.status, final=event.final)
        if event.final and event.status >= _REFUSED:
            self._keep_caller()

    def informed(self, body: str) -> None:
        """The agent sent an INFO with JSON: what became of a handoff that was asked for by INFO."""
        try:
            told = json.loads(body)
        except ValueError:
            told = body
        say("informed", call_id=self.call_id, body=told)
        if isinstance(told, dict) and told.get("caller") == _KEPT:
            self._keep_caller()

    async def over(self, event: sip.Ended) -> None:
        """The leg has ended: tell what was heard."""
        self.end()
        heard = {}
        if self._recording.exists():
            await written(self._recording)
            heard = asdict(measure_file(self._recording))
            if self._options.record is None:
                self._recording.unlink(missing_ok=True)
        say("over", call_id=self.call_id, status=event.status, rtp=asdict(event.traffic), heard=heard)

    def end(self) -> None:
        """Plan nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._manner is not None:
            self._manner.cancel()

    def _behave(self) -> None:
        behaving = behave(self._options.manner, self._leg, self._speech, self._seconds)
        self._manner = asyncio.get_running_loop().create_task(behaving)

    # -- the handoff ---------------------------------------------------------------------------------------

    def _hand_off(self) -> None:
        options, words, leg = self._options, self._words, self._leg
        say("asked", call_id=self.call_id, way=options.ask)
        match options.ask:
            case Way.HTTP:
                self._work = asyncio.get_running_loop().create_task(self._ask_over_http())
            case Way.REFER:
                leg.refer(*words.referring(options.refer_to, embedded=options.refer_headers == "embedded"))
            case Way.INFO:
                leg.inform(json.dumps(words.json()))
            case Way.BYE:
                leg.hang_up(words.headers())
                return
        if options.talk_on:
            self._later(options.talk_on, self._fall_silent)
        else:
            self._fall_silent()

    async def _ask_over_http(self) -> None:
        options = self._options
        url = f"{options.api}/v1/{options.account}/{options.project}/handoffs"
        body = {"call_id": self.call_id, **self._words.json()}
        try:
            async with self._session.post(url, json=body, headers={"x-api-key": options.api_key}) as answer:
                told: Any = await answer.json()
                say("handed_off", call_id=self.call_id, status=answer.status, answer=told)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            say("handoff_failed", call_id=self.call_id, error=str(error))
            self._keep_caller()
            return
        if answer.status >= _REFUSED or told.get("caller") == _KEPT:
            self._keep_caller()

    def _fall_silent(self) -> None:
        say("silent", call_id=self.call_id)
        if self._manner is not None:
            self._manner.cancel()
        self._leg.hear(None)

    def _keep_caller(self) -> None:
        """The caller stays here: speak on."""
        say("keeps_caller", call_id=self.call_id)
        self.end()
        if self._leg.alive:
            self._behave()

    def _later(self, seconds: float, what: Callable[[], object]) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, what)
