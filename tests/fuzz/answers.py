# SPDX-License-Identifier: GPL-3.0-or-later
"""What peers answer to the agent's requests: as they should, or not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from random import Random

from tests.fuzz import sdp
from tests.fuzz.corpus import TAG, response
from tests.fuzz.message import Message
from tests.fuzz.peers import Answers, Peer

Write = Callable[[Random, Message], bytes]
_CODES = (
    *(100, 180, 183, 200, 202, 301, 302, 380, 401, 404, 407, 408, 415, 420, 422, 480, 481, 487, 488),
    *(491, 500, 503, 603),
)


def plainly(peer: Peer) -> Answers:
    """Answers of a good peer: it rings, takes the call, and says 200 to all that follows."""

    def answers(request: Message) -> Sequence[bytes]:
        return [message.render() for message in _plain(peer, request)]

    return answers


def badly(peer: Peer, seed: str, methods: Collection[str], share: float, write: Write) -> Answers:
    """Answers of a peer that spoils a share of those to these methods, and may have any code and any SDP.

    Args:
        peer: whose answers.
        seed: what its choices come from, anew for each request: when a request comes changes nothing else.
        methods: those whose answers may be bad.
        share: how many of them are spoiled, 0 to 1.
        write: writes a spoiled message.
    """

    def answers(request: Message) -> Sequence[bytes]:
        plain = _plain(peer, request)
        if request.method not in methods or not plain:
            return [message.render() for message in plain]
        before = sum(message.method == request.method and not message.status for message in peer.heard)
        rng = Random(f"{seed}/{peer.name}/{request.method}/{before}")  # noqa: S311 - the same each time
        if rng.random() < 0.3:
            plain[-1].start = f"SIP/2.0 {rng.choice(_CODES)} Odd"
        if rng.random() < 0.3:
            plain[-1].body = rng.choice((sdp.any_session, sdp.ordinary))(rng)
        if rng.random() < 0.2:
            plain.insert(rng.randrange(len(plain)), _forked(plain[-1]))
        return [write(rng, message) if rng.random() < share else message.render() for message in plain]

    return answers


def _plain(peer: Peer, request: Message) -> list[Message]:
    contact = f"<sip:bot@{peer.host}:{peer.port}{';transport=tcp' if '/TCP' in request.first('Via') else ''}>"
    answer = sdp.text([*sdp.head(1, sdp.CONNECTION), *sdp.AUDIO[1]])
    match request.method:
        case "ACK":
            return []
        case "INVITE":
            ringing = response(request, 180, "Ringing", contact)
            return [ringing, response(request, 200, "OK", contact, body=answer)]
        case "CANCEL":
            ended = [response(m, 487, "Request Terminated", contact) for m in _cancelled(peer, request)]
            return [response(request, 200, "OK", contact), *ended]
        case _:
            return [
                response(request, 200, "OK", contact, body=answer if request.body.startswith("v=") else "")
            ]


def _forked(answer: Message) -> Message:
    """The same answer from another end."""
    headers = [(name, value.replace(f"tag={TAG}", "tag=other")) for name, value in answer.headers]
    return replace(answer, headers=headers)


def _cancelled(peer: Peer, cancel: Message) -> list[Message]:
    call_id = cancel.first("Call-ID")
    invites = [message for message in peer.heard if message.method == "INVITE" and not message.status]
    return [message for message in invites if message.first("Call-ID") == call_id][-1:]
