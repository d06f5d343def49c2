# SPDX-License-Identifier: GPL-3.0-or-later
"""RTP that goes from leg to leg in C, past the conference bridge; see ``deploy/pjsua2/relay.c``."""

from __future__ import annotations

from typing import Final

import pjsua2

from agent.core.errors import SipError
from agent.telemetry.logs import logger

_WHY: Final = {
    1: "one leg has no audio just now",
    2: "the legs have different codecs",
    3: "the legs have different packet times",
    4: "one leg is relayed elsewhere",
    5: "one leg is on hold",
}
_NOT_TOLD = -1
_WITHOUT_PRIORITY = 1
_log = logger("sip")


def install() -> None:
    """Make each leg from now on one that can be relayed; once, before the first call.

    Raises:
        SipError: this pjsua2 can't.
    """
    installed = pjsua2.handoff_relay_install()
    if installed < 0:
        raise SipError("the relay can't be installed in this pjsua2")
    if installed == _WITHOUT_PRIORITY:
        _log.info("audio has no priority over signalling: LimitNICE=-11 (systemd) or CAP_SYS_NICE gives it")


def join(call: int, other: int) -> str:
    """Let the audio of two native calls go straight across; why that can't be, or nothing.

    A new stream of either, or its end, parts them by itself.
    """
    return _WHY.get(pjsua2.handoff_relay_join(call, other), "")


def part(call: int) -> None:
    """Back to the bridge, if it was relayed."""
    pjsua2.handoff_relay_part(call)


def is_joined(call: int) -> bool:
    """Whether it is relayed just now."""
    return bool(pjsua2.handoff_relay_joined(call))


def passes_events(call: int) -> bool:
    """Whether digits of its far end that are telephone-events go across by themselves (RFC 4733)."""
    return bool(pjsua2.handoff_relay_passes_events(call))


def changes_law(call: int) -> bool:
    """Whether G.711 of one law (µ or A) becomes the other between the two far ends."""
    return bool(pjsua2.handoff_relay_changes_law(call))


def level(call: int) -> int | None:
    """How loud its far end is; None where that takes a decoder, or it is not relayed."""
    told = int(pjsua2.handoff_relay_level(call))
    return None if told == _NOT_TOLD else told
