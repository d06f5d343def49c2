# SPDX-License-Identifier: GPL-3.0-or-later
"""A voice agent that hands the caller back over HTTP.

It answers, plays a tone in place of speech, and asks for a human when the caller presses a digit, or after
a while. It keeps on talking until the agent ends its leg: the caller never hears silence.

    HANDOFF_API_KEY=… python examples/voice_agent_http.py --listen 127.0.0.1:5070 \
        --api http://127.0.0.1:8080 --account acme --project acme-care
"""

import argparse
import asyncio
import contextlib
import os
import tempfile
from pathlib import Path

from phone import Call, Phone, write_tone

from agent.client import HandoffClient, HandoffError


async def talk(call: Call, agent: HandoffClient, greeting: Path, seconds: float) -> None:
    """One call, from its INVITE to its end."""
    call.answer(greeting)
    digit = "none"
    with contextlib.suppress(TimeoutError):
        digit = await asyncio.wait_for(call.digit(), seconds)
    if call.over.is_set():
        return  # the caller hung up: there is nobody to hand back
    try:
        handoff = await agent.hand_off(
            call_id=call.headers.get("X-Call-Id", ""),
            # What the CXone script gets as p1..p9, by the project's template for the handoff signal …
            destination="billing",
            skill="4101",
            reason="the caller asked for a person",
            # … and what the person's desktop shows; examples/screen_pop is such a desktop.
            data={
                "summary": "Question about the March bill: charged twice.",
                "destination": "billing",
                "digit": digit,
            },
        )
    except HandoffError as error:
        print(f"not handed off: {error}", flush=True)
        return  # this hangs up without a handoff: the script is told that the call is completed
    print(f"handed off: {handoff.id}, the caller is with: {handoff.caller}", flush=True)
    if handoff.caller == "kept":
        # CXone did not take the caller, and this project has on_signal_failure: keep. A real voice agent
        # would say that nobody is free, and offer to call back.
        print("nobody took the caller; going on", flush=True)
    await call.over.wait()


async def main() -> None:
    """Take calls until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="A voice agent that hands off over HTTP.")
    parser.add_argument("--listen", default="127.0.0.1:5070", metavar="HOST:PORT", help="where to take calls")
    parser.add_argument("--rtp-port", type=int, default=4000, help="the first UDP port for audio")
    parser.add_argument("--after", type=float, default=10.0, metavar="SECONDS", help="hand off so much later")
    parser.add_argument("--api", default="http://127.0.0.1:8080", metavar="URL", help="the agent's API")
    parser.add_argument("--account", default="acme")
    parser.add_argument("--project", default="acme-care")
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    key = os.environ["HANDOFF_API_KEY"]  # a secret: never on the command line, where others can read it
    with tempfile.TemporaryDirectory() as folder:
        greeting = write_tone(Path(folder) / "greeting.wav")
        async with HandoffClient(options.api, options.account, options.project, key) as agent:
            phone = Phone(
                host,
                int(port),
                lambda call: talk(call, agent, greeting, options.after),
                rtp_port=options.rtp_port,
            )
            await phone.serve()


if __name__ == "__main__":
    asyncio.run(main())
