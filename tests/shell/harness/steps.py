# SPDX-License-Identifier: GPL-3.0-or-later
"""What far ends, NICE and time do to a call, one step at a time.

A step does what a far end could do as things stand, so that it also makes sense after something has failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from agent.core import events as core
from agent.core.headers import parse
from agent.core.reasons import Reason
from agent.sip import events as on
from tests.shell.harness.nice import ACCEPTED, REFUSED
from tests.shell.harness.shell import Shell
from tests.shell.harness.sip import FakeLeg

Step: TypeAlias = Callable[[Shell], object]
EventOf: TypeAlias = Callable[[int], on.StackEvent]
"""Makes an event of the leg of this key."""

# -- steps -------------------------------------------------------------------------------------------------


def caller_comes(node: Shell) -> None:
    node.arrives()


def caller_comes_and_gives_up(node: Shell) -> None:
    """Before anything is recorded."""
    node.arrives().ends(487)


def caller_hangs_up(node: Shell) -> None:
    if (leg := node.stack.of("caller")) is not None:
        leg.ends(200 if leg.answered else 487)


def caller_is_lost(node: Shell) -> None:
    """Its session ran out: the stack gives the leg up."""
    if (leg := node.stack.of("caller")) is not None:
        leg.ends(408, lost=Reason.SESSION_EXPIRED)


def agent_is_lost(node: Shell) -> None:
    if (leg := node.stack.of("agent")) is not None:
        leg.ends(408, lost=Reason.AGENT_LOST)


def agent_answers_in_vain(node: Shell) -> None:
    """With a 200 by which no audio can flow."""
    if (leg := node.stack.of("agent")) is not None:
        leg.picks_up(audio=False)


def caller_presses(node: Shell) -> None:
    _from(node, "caller", lambda leg: on.Digit(leg.key, "5"))


def agent_rings(node: Shell) -> None:
    if (leg := node.stack.of("agent")) is not None:
        leg.rings()


def agent_rings_with_media(node: Shell) -> None:
    if (leg := node.stack.of("agent")) is not None:
        leg.rings(183, media=True)


def agent_answers(node: Shell) -> None:
    if (leg := node.stack.of("agent")) is not None:
        leg.picks_up()


def agent_is_busy(node: Shell) -> None:
    _busy(node.stack.of("agent"))


def agent_hangs_up(node: Shell) -> None:
    _bye(node.stack.of("agent"), "")


def agent_presses(node: Shell) -> None:
    _from(node, "agent", lambda leg: on.Digit(leg.key, "7"))


def agent_falls_silent(node: Shell) -> None:
    """No RTP comes from it any more."""
    if (leg := node.stack.of("agent")) is not None:
        leg.silent = True


def asked_by_http(node: Shell) -> None:
    node.hands_off()


def asked_by_refer(node: Shell) -> None:
    message = parse("REFER sip:edge SIP/2.0\r\nRefer-To: <sip:sales@cc.example>\r\n\r\n")
    _from(node, "agent", lambda leg: on.Referred(leg.key, message, 7))


def asked_by_info(node: Shell) -> None:
    _from(node, "agent", lambda leg: on.Informed(leg.key, '{"destination": "sales"}'))


def asked_by_bye(node: Shell) -> None:
    _bye(node.stack.of("agent"), "X-Handoff-Destination: sales\r\n")


def nice_accepts(node: Shell) -> None:
    node.nice.answers(ACCEPTED)


def nice_refuses(node: Shell) -> None:
    node.nice.answers(REFUSED)


def referred(node: Shell) -> None:
    """The contact centre takes our REFER, if it got one."""
    _referred(node, 200)


def not_referred(node: Shell) -> None:
    _referred(node, 603)


def refer_put_off(node: Shell) -> None:
    """The contact centre takes our REFER in two seconds."""
    _referred(node, 500, retry_after=2)


def target_answers(node: Shell) -> None:
    if (leg := node.stack.of("target")) is not None:
        leg.picks_up()


def target_is_busy(node: Shell) -> None:
    _busy(node.stack.of("target"))


def target_hangs_up(node: Shell) -> None:
    _bye(node.stack.of("target"), "")


def operator_ends_it(node: Shell) -> None:
    for call in node.register.calls():
        call.handle(core.EndAsked(Reason.OPERATOR))


def seconds(count: int) -> Step:
    """So much time passes."""

    async def pass_by(node: Shell) -> None:
        await node.passes(count)

    return pass_by


def looks(count: int) -> Step:
    """What is looked at frame by frame is looked at so often, 50 ms apart."""

    async def pass_by(node: Shell) -> None:
        await node.looks(count)

    return pass_by


def _from(node: Shell, role: str, event: Callable[[FakeLeg], on.LegEvent]) -> None:
    leg = node.stack.of(role)
    if leg is not None and leg.up and leg.confirmed:
        node.stack.emit(event(leg))


def _busy(leg: FakeLeg | None) -> None:
    if leg is not None and not leg.answered:
        leg.ends(486)


def _bye(leg: FakeLeg | None, headers: str) -> None:
    if leg is not None and leg.confirmed:
        leg.ends(200, parse(f"BYE sip:edge SIP/2.0\r\n{headers}\r\n"))


def _referred(node: Shell, status: int, retry_after: int | None = None) -> None:
    leg = node.stack.of("caller")
    if leg is not None and leg.up and any(got.startswith("REFER") for got in leg.got):
        node.stack.emit(on.TransferProgress(leg.key, status, final=True, retry_after=retry_after))
