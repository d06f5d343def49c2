# SPDX-License-Identifier: GPL-3.0-or-later
"""RTP and RTCP of captured calls: legs are tapped while a capture wants them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from typing import Final

from agent.calls.register import Register
from agent.sip import tap
from agent.sip.leg import Leg
from agent.sip.tap import TappedPacket
from agent.telemetry.capture import Capture
from agent.telemetry.pcap import Datagram, packet
from agent.telemetry.stories import OfCall, Stories
from agent.telemetry.withheld import rtp

LEGS: Final = 40
"""Legs that are tapped at once: 4,000 packets a second, 1.5 % of the loop. Of more there is SIP alone."""
_TAKE_SECONDS: Final = 0.1


class Taps:
    """Which legs are tapped, and for whom.

    Args:
        register: the calls that are up.
        stories: know which call a leg is of.
        took: told of errors that were contained.
        withhold: whether digits that were pressed are withheld, see `agent.telemetry.withheld`.
    """

    def __init__(
        self,
        register: Register,
        stories: Stories,
        took: Callable[[str, Exception], None],
        *,
        withhold: Callable[[], bool] = bool,
    ) -> None:
        self._register = register
        self._stories = stories
        self._took = took
        self._withhold = withhold
        self._numbers = count(1)
        self._tapped: dict[int, tuple[Leg, set[Capture]]] = {}  # by number
        self._of_leg: dict[int, int] = {}  # leg key → number
        self._timer: asyncio.TimerHandle | None = None
        self._dropped = 0

    def begin(self, capture: Capture, call: OfCall) -> None:
        """A capture wants the leg of a SIP message; once more does nothing."""
        live = self._register.by_id(call.call_id)
        legs = () if live is None else tuple(live.legs.legs.values())
        leg = next((leg for leg in legs if leg.sip_call_id == call.sip_call_id), None)
        if leg is not None:
            self._tap(capture, leg)

    def begin_all(self, capture: Capture) -> None:
        """A capture wants the legs that are up already."""
        for live in self._register.calls():
            for leg in tuple(live.legs.legs.values()):
                call = self._stories.whose(leg.sip_call_id)
                if call is not None and capture.wants(call):
                    self._tap(capture, leg)

    def end(self, capture: Capture) -> None:
        """A capture is about to end: what is there goes into it, and nobody is tapped for it any more."""
        self._take()
        for number, (leg, wanting) in tuple(self._tapped.items()):
            wanting.discard(capture)
            if not wanting:
                self._let_go(number, leg)

    def look(self) -> None:
        """Forget legs that are gone."""
        for number, (leg, _) in tuple(self._tapped.items()):
            if self._register.by_leg(leg.key) is None:
                self._let_go(number, leg)

    def _tap(self, capture: Capture, leg: Leg) -> None:
        number = self._of_leg.get(leg.key)
        if number is not None:
            self._tapped[number][1].add(capture)
            return
        if len(self._tapped) >= LEGS:
            capture.leave_out(leg.sip_call_id)
            return
        number = next(self._numbers)
        self._of_leg[leg.key] = number
        self._tapped[number] = leg, {capture}
        leg.tap(number)
        if self._timer is None:
            self._dropped = tap.dropped()
            self._again()

    def _let_go(self, number: int, leg: Leg) -> None:
        del self._tapped[number], self._of_leg[leg.key]
        if leg.alive:
            leg.tap(0)

    def _again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_TAKE_SECONDS, self._take_on)

    def _take_on(self) -> None:
        self._timer = None
        try:
            self._take()
        except Exception as error:  # noqa: BLE001 - no capture may end the next look
            self._took("capture", error)
        if self._tapped:
            self._again()

    def _take(self) -> None:
        if not self._tapped:
            return
        blocks: defaultdict[Capture, list[bytes]] = defaultdict(list)
        withheld = self._withhold()
        for one in tap.take():
            _, wanting = self._tapped.get(one.tap, (None, ()))
            if wanting:
                data = packet(_datagram(one, withheld=withheld))
                for capture in wanting:
                    blocks[capture].append(data)
        for capture, packets in blocks.items():
            capture.put(b"".join(packets), len(packets))
        self._count_dropped()

    def _count_dropped(self) -> None:
        before, self._dropped = self._dropped, tap.dropped()
        if more := self._dropped - before:
            for capture in {capture for _, wanting in self._tapped.values() for capture in wanting}:
                capture.missed(more)


def _datagram(one: TappedPacket, *, withheld: bool) -> Datagram:
    ends = (one.ours, one.theirs) if one.sent else (one.theirs, one.ours)
    return Datagram(one.microseconds, *ends, rtp(one.data) if withheld and not one.rtcp else one.data)
