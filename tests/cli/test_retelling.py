# SPDX-License-Identifier: GPL-3.0-or-later
"""The story of a demo: each leg by its name, what stands in the messages that matter, no token."""

from __future__ import annotations

from pathlib import Path

from agent.cli.retelling import opening, report
from agent.core.methods import Method, OnFailure
from agent.core.records import Way
from agent.simulators.combination import Combination
from agent.simulators.evidence import Evidence
from agent.simulators.wire import Dialog, Wire
from agent.simulators.wiretap import Place
from tests.simulators.dialogs import BOT, CALLER, QUEUE, US, dialog


def in_turn(opener: Place, *messages: str) -> Dialog:
    """A dialog of messages, one a second."""
    return dialog(opener, *((101.0 + number, opener, text) for number, text in enumerate(messages)))


def told() -> str:
    wire = Wire("4512")
    wire.caller = in_turn(
        CALLER,
        "INVITE sip:1@h SIP/2.0|X-PolyAi-Auth-Token: secret-token",
        "REFER sip:caller@h SIP/2.0|Refer-To: <sip:queue@h>|Via: SIP/2.0/UDP h",
        "NOTIFY sip:us@h SIP/2.0||SIP/2.0 200 OK\r\n",
    )
    wire.dialled = {
        BOT: in_turn(
            US, "INVITE sip:bot@h SIP/2.0|X-Call-Id: c-1", 'INFO sip:us@h SIP/2.0||{"skill": "4711"}'
        ),
        QUEUE: in_turn(US, "INVITE sip:queue@h SIP/2.0|X-Contact-Id: 4512", "BYE sip:queue@h SIP/2.0"),
    }
    return "\n".join(
        report(
            Evidence(
                shown=Combination(Way.INFO, Method.BRIDGE),
                call_id="c-1",
                contact_id="4512",
                story=[
                    {"when": 100.0, "kind": "decision", "text": "admitted: /tmp/copy/numbers/acme.yaml:4"}
                ],
                record={},
                signals=[{"parameters": {"p1": "Sales", "p2": ""}, "status": 202, "received": 102.5}],
                voice_agent=[
                    {"event": "asked", "when": 102.0, "way": "info"},
                    {"event": "informed", "when": 103.0, "body": {"caller": "kept"}},
                    {"event": "answered", "when": 100.5},
                ],
                queue=[],
                wire=wire,
                voice_agent_place=BOT,
                queue_uri="sip:queue@127.0.0.1:5075",
                queue_place=QUEUE,
                voices={},
                exit_code=0,
            ),
            Path("/tmp/copy"),  # noqa: S108 - a name, nothing is written there
            Path("config"),
        )
    )


def test_the_story_names_each_leg_and_the_user_s_own_files() -> None:
    text = told()
    assert "  agent   the voice agent, 127.0.0.1:5070" in text
    assert "  target  the human queue, sip:queue@127.0.0.1:5075" in text
    assert "admitted: config/numbers/acme.yaml:4" in text


def test_what_stands_in_messages_that_matter_is_told_in_time_order() -> None:
    inside = [line for line in told().splitlines() if " inside " in line]
    assert [line.split(maxsplit=2)[2] for line in inside] == [
        "target INVITE with x-contact-id: 4512",
        'agent  INFO says {"skill": "4711"}',
        "caller REFER with refer-to: <sip:queue@h>",
        "caller NOTIFY says SIP/2.0 200 OK",
    ]


def test_what_nice_got_and_what_the_voice_agent_was_told_stands_there_too() -> None:
    text = told()
    assert "+2.500  cxone    received: p1='Sales' → 202" in text
    assert "+2.000  told     agent  asks for a handoff by INFO" in text
    assert '+3.000  told     agent  is told by INFO: {"caller": "kept"}' in text


def test_no_token_is_told() -> None:
    assert "secret-token" not in told()


def test_the_opening_says_what_is_to_be_seen() -> None:
    text = "\n".join(opening(Combination(Way.BYE, Method.REFER, refer_refused=True), 8.5, None))
    assert "asks for a handoff by BYE with headers; the caller is sent to a queue by REFER" in text
    assert "declines the REFER" in text
    assert "copy" not in text
    kept = Combination(finish_prompt=True, on_signal_failure=OnFailure.KEEP)
    text = "\n".join(opening(kept, 8.5, Path("elsewhere")))
    assert "NICE refuses the signal, and the caller stays with the voice agent" in text
    assert "goes on speaking" in text
    assert "a copy of it is used: elsewhere" in text
