# SPDX-License-Identifier: GPL-3.0-or-later
"""A voice agent that hands the caller back by hanging up: what it has to say stands in headers of its BYE.

No HTTP, no key, no client: it is the least that a voice platform must be able to do. In return nobody tells
it what became of the handoff.

    python examples/voice_agent_bye.py --listen 127.0.0.1:5070
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
from pathlib import Path
from urllib.parse import quote

from phone import Call, Phone, write_tone


def handoff_headers() -> dict[str, str]:
    """The headers that make a handoff of a BYE; without any of them it says: completed, nobody is needed.

    Their names can be changed per project (handoff.headers). Values are percent-encoded, so that any text
    passes every SIP element on its way.
    """
    data = {"summary": "Frage zur Rechnung für März: doppelt belastet.", "destination": "billing"}
    return {
        "X-Handoff-Destination": "billing",
        "X-Handoff-Skill": "4101",
        "X-Handoff-Reason": quote("the caller asked for a person"),
        "X-Handoff-Data": quote(json.dumps(data)),
    }


async def talk(call: Call, greeting: Path, seconds: float) -> None:
    """One call: play until the caller presses a digit, or for a while, then hand off."""
    call.answer(greeting)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(call.digit(), seconds)
    if not call.over.is_set():
        call.hang_up(handoff_headers())
        print("handed off", flush=True)


async def main() -> None:
    """Take calls until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="A voice agent that hands off by BYE.")
    parser.add_argument("--listen", default="127.0.0.1:5070", metavar="HOST:PORT", help="where to take calls")
    parser.add_argument("--rtp-port", type=int, default=4000, help="the first UDP port for audio")
    parser.add_argument("--after", type=float, default=10.0, metavar="SECONDS", help="hand off so much later")
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    with tempfile.TemporaryDirectory() as folder:
        greeting = write_tone(Path(folder) / "greeting.wav")

        async def talk_to(call: Call) -> None:
            await talk(call, greeting, options.after)

        await Phone(host, int(port), talk_to, rtp_port=options.rtp_port).serve()


if __name__ == "__main__":
    asyncio.run(main())
