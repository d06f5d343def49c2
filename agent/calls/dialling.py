# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a call goes out: an INVITE to the next hop of a target, or a REFER that sends the caller there."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from agent.calls.asking import Asking
from agent.calls.destinations import Destinations
from agent.calls.parts import Parts
from agent.core import actions as do
from agent.core import events as on
from agent.core import story
from agent.core.errors import SipError
from agent.core.model import Media, Target
from agent.core.records import Handoff
from agent.core.sides import Side
from agent.sip.leg import Leg
from agent.sip.resolver import Hop

_SERVER_INTERNAL_ERROR = 500
_SERVICE_UNAVAILABLE = 503


class Dialling:
    """Dials the targets of one call; one that can't be dialled counts as one that refused.

    Args:
        parts: the call.
        media: the node's settings of audio, as the call began with them.
        asking: knows what the voice agent asked for, if it did.
        dialled: called with each new leg and its side.
        run: starts a coroutine, and holds the call meanwhile.
    """

    def __init__(
        self,
        parts: Parts,
        media: Media,
        asking: Asking,
        dialled: Callable[[Leg, Side], None],
        run: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._call = parts
        self._media = media
        self._asking = asking
        self._dialled = dialled
        self._run = run
        self._destinations = Destinations(parts.brief, parts.services.targets_down())
        self._hops: tuple[Hop, ...] = ()  # of the target that is being dialled

    def dial(self, action: do.Dial) -> None:
        """Send an INVITE to a target, at its next address; raises nothing.

        At once where the address is known; a name is looked up first.
        """
        call, side, handoff = self._call, action.side, self._asking.handoff
        targets = self._destinations.of(side, handoff)
        target = targets[action.target]
        again = "" if not action.address else ", its next address"
        call.note("decision", f"{story.DIALLED}{target.uri} ({action.target + 1} of {len(targets)}{again})")
        hops = self._hops if action.address else call.services.resolver.at_hand(target.address)
        if hops is None:
            self._run(self._look_up(action, target, handoff))
        else:
            self._dial(action, target, handoff, hops)

    async def _look_up(self, action: do.Dial, target: Target, handoff: Handoff | None) -> None:
        try:
            hops = await self._call.services.resolver.locate(target.address)
        except Exception as error:  # noqa: BLE001 - as in `_dial`
            self._failed(action, target, error)
        else:
            self._dial(action, target, handoff, hops)

    def _dial(self, action: do.Dial, target: Target, handoff: Handoff | None, hops: tuple[Hop, ...]) -> None:
        call, side = self._call, action.side
        if not call.machine.wants(side, action.attempt):
            return  # given up while its name was looked up
        try:
            leg = call.services.stack.dial(
                target.address,
                self._hop(action, target, hops),
                self._destinations.headers(side, handoff),
                local_user=call.brief.caller_user,
                max_forwards=call.brief.hops_left,
                latch=self._media.latch_of(nat=target.nat),
                others=hops,
                codec=call.brief.codec(self._media.codecs),
            )
        except Exception as error:  # noqa: BLE001 - the next target is tried, whatever it is
            self._failed(action, target, error)
            return
        leg.takes_handoffs = side is Side.AGENT
        call.legs.add(side, leg, action.attempt)
        self._dialled(leg, side)

    def refer(self, target: int) -> None:
        """Send the caller to a target by REFER (RFC 3515); raises nothing."""
        call, handoff = self._call, self._asking.handoff
        targets = self._destinations.of(Side.TARGET, handoff)
        uri = targets[target].uri
        call.note("decision", f"{story.REFERRED}{uri} ({target + 1} of {len(targets)})")
        try:
            call.legs.caller.refer(uri, self._destinations.headers(Side.TARGET, handoff))
        except Exception as error:  # noqa: BLE001 - as in `dial`
            self._unreached(uri, error)
            call.handle(on.TransferProgress(_SERVER_INTERNAL_ERROR, final=True))

    def _hop(self, action: do.Dial, target: Target, hops: tuple[Hop, ...]) -> Hop:
        """The address of the target that comes next (RFC 3263)."""
        call, self._hops = self._call, hops
        if action.address:
            call.services.resolver.silent(hops[action.address - 1])
        else:
            call.handle(on.Located(action.side, action.attempt, len(hops)))
        hop = hops[action.address]
        if hop.address != target.address.host:
            call.note("decision", f"{target.address.host} is at {hop}")
        return hop

    def _failed(self, action: do.Dial, target: Target, error: Exception) -> None:
        self._unreached(target.uri, error)
        self._call.handle(on.LegEnded(action.side, _SERVICE_UNAVAILABLE, action.attempt))

    def _unreached(self, uri: str, error: Exception) -> None:
        if not isinstance(error, SipError):
            self._call.contained.took("action", error)
        self._call.note("decision", f"{uri}: {error}")
