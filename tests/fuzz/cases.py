# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of cases: what is spoiled, and where in a call."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from random import Random

from tests.calls.harness.house import identity
from tests.calls.harness.plan import BRIDGE, CARE, REFER
from tests.fuzz import rtp, sdp
from tests.fuzz.answers import badly, plainly
from tests.fuzz.corpus import IN_DIALOG, TAG, Dialog, response
from tests.fuzz.known import is_known
from tests.fuzz.message import Message
from tests.fuzz.mutations import Spoil, foreign, mutate
from tests.fuzz.peers import Answers, Peer, soon
from tests.fuzz.rig import TCP_CARE, Rig

_TRIES = 30
_OK = 200
_PATIENCE_SECONDS = 0.4
_URI = re.compile(r"<([^>]*)>")


@dataclass
class Case:
    """One case under way: everything in it comes from the seed and its number.

    Attributes:
        record: who sent what to whom, in order.
        everything: whether known shapes are let through.
    """

    rig: Rig
    seed: int
    number: int
    everything: bool = False
    record: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Draw what a case begins with, and let the peers be good ones."""
        self.rng = Random(f"{self.seed}/{self.number}")  # noqa: S311 - the same each time is the point
        self.tcp = self.rng.random() < 0.25
        self.call_id = f"f{self.seed}-{self.number}"
        for peer in self.rig.peers:
            peer.forget(plainly(peer))
            peer.noted = lambda way, data: self.record.append((way, data))

    async def run(self) -> str:
        """Play it; return its kind.

        Raises:
            Finding: the agent did what it must not.
        """
        kind = self.rng.choice([kind for kind, weight in _WEIGHTS.items() for _ in range(weight)])
        if self.tcp:
            await self.rig.caller.connect()
        await _KINDS[kind](self)
        await self.rig.settled()
        if self.tcp:
            self.rig.caller.hang_up()
        return kind

    def spoil(self, message: Message, how: Spoil = mutate) -> bytes:
        """The message with something wrong with it, but in no way that is left out."""
        return self._spoil(self.rng, message, how)

    def right(self, message: Message) -> bytes:
        """The message as it is; nothing if it has a shape that is left out."""
        data = message.render()
        return data if self._allowed(data) else b""

    def bad_answers(self, peer: Peer, methods: Collection[str], share: float) -> Answers:
        """Answers of this peer to these methods, a share of them spoiled."""
        answers = badly(peer, f"{self.seed}/{self.number}", methods, share, self._spoil)
        return lambda request: [data for data in answers(request) if self._allowed(data)]

    def _spoil(self, rng: Random, message: Message, how: Spoil = mutate) -> bytes:
        for _ in range(_TRIES):
            data = how(rng, message)
            if self._allowed(data):
                return data
        return b""

    def _allowed(self, data: bytes) -> bool:
        return self.everything or not is_known(data)

    async def say(self, peer: Peer, data: bytes, *, tcp: bool = False) -> None:
        """Send a message, over TCP perhaps in two pieces, perhaps twice, and wait until it was looked at."""
        if not data:
            return
        cut = self.rng.randrange(len(data)) if tcp and self.rng.random() < 0.2 else 0
        for piece in filter(None, (data[:cut], data[cut:])):
            peer.send(piece, tcp=tcp)
            await asyncio.sleep(0.005 if cut else 0)
        if self.rng.random() < 0.1:
            peer.send(data, tcp=tcp)
        if self.rng.random() < 0.7:
            await self.rig.settled()

    async def call(self, invite: bytes = b"") -> tuple[Dialog, Dialog | None]:
        """Set a call up: the ends of the caller's dialog and of the voice agent's, if it came that far."""
        caller, bot = self.rig.caller, self.rig.bot
        dialog = self.dialog(self.rng.choice((CARE, CARE, REFER, BRIDGE, TCP_CARE)))
        message = self.invite(dialog)
        caller.send(invite or message.render(), tcp=self.tcp)
        await self.rig.settled()
        final = await soon(lambda: _final(caller, "INVITE"), _PATIENCE_SECONDS if caller.heard else 0)
        if final is None and caller.heard:
            await self.say(caller, dialog.request("CANCEL").render(), tcp=self.tcp)
        if final is None or final.status != _OK:
            return dialog, None
        dialog.remote, dialog.target = final.first("To"), _uri(final)
        asked = [message for message in bot.heard if message.method == "INVITE" and not message.status]
        return dialog, self.callee(asked[-1]) if asked else None

    def dialog(self, number: str) -> Dialog:
        """The caller's end, before its first request."""
        return self.rig.dialog(self.rig.caller, self.call_id, number, tcp=self.tcp)

    def invite(self, dialog: Dialog) -> Message:
        """A well-formed first INVITE."""
        lines = identity(f"{self.seed % 1000:03}{self.number:09}").split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        return dialog.request("INVITE", *headers, body=sdp.ordinary(self.rng))

    def callee(self, invite: Message) -> Dialog:
        """The end that took this INVITE."""
        bot = self.rig.bot
        tcp = "/TCP" in invite.first("Via")
        local = f"{invite.first('To')};tag={TAG}"
        return Dialog(
            bot.host, bot.port, tcp, invite.first("Call-ID"), local, invite.first("From"), _uri(invite), 100
        )

    async def end(self, dialog: Dialog, peer: Peer) -> None:
        """Hang up as one should."""
        peer.send(dialog.request("BYE").render(), tcp=dialog.tcp)
        await soon(lambda: _final(peer, "BYE"), 0.5)


def _final(peer: Peer, method: str) -> Message | None:
    return next((m for m in peer.heard if m.status >= _OK and m.method == method), None)


def _uri(message: Message) -> str:
    found = _URI.search(message.first("Contact"))
    return found[1] if found else message.first("Contact") or "sip:127.0.0.1"


# -- the kinds -----------------------------------------------------------------------------------------------


async def _stray(case: Case) -> None:
    """Requests and responses of no dialog."""
    peer = case.rng.choice((case.rig.caller, case.rig.caller, case.rig.bot))
    for _ in range(case.rng.randrange(1, 6)):
        dialog = case.rig.dialog(peer, case.call_id, case.rng.choice((CARE, "nobody")), tcp=case.tcp)
        message = dialog.any_request(case.rng, case.rng.choice(IN_DIALOG))
        if case.rng.random() < 0.2:
            message = response(
                message, case.rng.choice((100, 200, 302, 401, 487)), "OK", dialog.contact, body=message.body
            )
        await case.say(peer, case.spoil(message), tcp=case.tcp and peer is case.rig.caller)


async def _first(case: Case) -> None:
    """A spoiled INVITE that may be taken; then a spoiled CANCEL or ACK, and a BYE."""
    spoiled = case.spoil(case.invite(case.dialog(CARE)), case.rng.choice((mutate, foreign)))
    dialog, _ = await case.call(invite=spoiled)
    for method in case.rng.sample(("CANCEL", "ACK", "BYE", "PRACK"), case.rng.randrange(3)):
        await case.say(case.rig.caller, case.spoil(dialog.any_request(case.rng, method)), tcp=case.tcp)
    await case.end(dialog, case.rig.caller)


async def _offers(case: Case) -> None:
    """Offer after offer within a call, from either end: each well-formed SIP, none what the last one was."""
    caller, bot = case.rig.caller, case.rig.bot
    dialog, other = await case.call()
    for _ in range(case.rng.randrange(2, 7)):
        end, peer = (dialog, caller) if other is None or case.rng.random() < 0.6 else (other, bot)
        body = sdp.any_session(case.rng) if case.rng.random() < 0.8 else ""
        method = case.rng.choice(("INVITE", "INVITE", "INVITE", "UPDATE"))
        await case.say(peer, case.right(end.request(method, body=body)), tcp=end.tcp)
    await case.end(dialog, caller)


async def _in_dialog(case: Case, of_bot: float) -> None:
    caller, bot = case.rig.caller, case.rig.bot
    dialog, other = await case.call()
    for peer in case.rig.peers:
        peer.answers = case.bad_answers(peer, IN_DIALOG, 0.3)
    for _ in range(case.rng.randrange(1, 6)):
        end, peer = (other, bot) if other and case.rng.random() < of_bot else (dialog, caller)
        message = end.any_request(case.rng, case.rng.choice(IN_DIALOG))
        await case.say(
            peer, case.spoil(message) if case.rng.random() < 0.8 else case.right(message), tcp=end.tcp
        )
    for peer in case.rig.peers:
        peer.answers = plainly(peer)
    await case.end(dialog, caller)


async def _caller(case: Case) -> None:
    """Spoiled requests of the caller within a call."""
    await _in_dialog(case, 0.1)


async def _voice_agent(case: Case) -> None:
    """Spoiled requests of the voice agent within a call, and odd answers to what comes of them."""
    await _in_dialog(case, 0.9)


async def _media(case: Case) -> None:
    """RTP and RTCP that are none, within a call."""
    dialog, _ = await case.call()
    final = _final(case.rig.caller, "INVITE")
    port = re.search(r"^m=audio (\d+)", final.body if final else "", re.MULTILINE)
    if port and int(port[1]):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for _ in range(case.rng.randrange(5, 60)):
                data = rtp.packet(case.rng)
                case.record.append(("caller to agent, rtp", data))
                out.sendto(
                    data, ("127.0.0.1", int(port[1]) + (rtp.is_rtcp(data) and case.rng.random() < 0.9))
                )
        await asyncio.sleep(0.05)  # its own threads look at it
    await case.end(dialog, case.rig.caller)


async def _answers(case: Case) -> None:
    """Spoiled answers of the voice agent to its INVITE, and then to BYE."""
    case.rig.bot.answers = case.bad_answers(case.rig.bot, ("INVITE", "CANCEL", "BYE", "UPDATE", "PRACK"), 0.7)
    dialog, _ = await case.call()
    await case.end(dialog, case.rig.caller)


_KINDS: Mapping[str, Callable[[Case], Awaitable[None]]] = {
    "stray": _stray,
    "first": _first,
    "offers": _offers,
    "caller": _caller,
    "voice agent": _voice_agent,
    "answers": _answers,
    "media": _media,
}
_WEIGHTS = {"stray": 3, "first": 3, "offers": 2, "caller": 3, "voice agent": 3, "answers": 3, "media": 1}
