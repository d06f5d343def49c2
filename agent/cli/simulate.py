# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent simulate cxone|voice-agent``: the simulators alone, for rehearsals and load runs."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from agent.cli.options import Commands, add_command
from agent.core.hosts import loopback

_EXAMPLE = """examples:
  handoff-agent simulate cxone
  handoff-agent simulate cxone --listen 127.0.0.1:0 --business-unit 4599999
  curl -X PUT http://127.0.0.1:8090/simulator/faults -d '{"signal": {"status": 503, "retry_after": 1}}'
  curl -X PUT http://127.0.0.1:8090/simulator/faults -d '{"signal": {"answer": "reset", "times": 1}}'
  curl -X DELETE http://127.0.0.1:8090/simulator/faults
  curl http://127.0.0.1:8090/simulator/signals

all targets, fields and modes of faults: docs/simulators.md

exit codes: 0 ended as asked, 2 could not run"""

_VOICE_AGENT_EXAMPLE = """examples; each hands the caller back five seconds after answering:
  handoff-agent simulate voice-agent --hand-off-after 5
                                                      over the handoff API
  handoff-agent simulate voice-agent --hand-off-after 5 --ask refer
                                                      in Refer-To and what is embedded there
  handoff-agent simulate voice-agent --hand-off-after 5 --ask refer --refer-headers own
                                                      in headers beside Refer-To
  handoff-agent simulate voice-agent --hand-off-after 5 --ask info --talk-on 2
                                                      in JSON; speaks on for two seconds
  handoff-agent simulate voice-agent --hand-off-after 5 --ask bye
                                                      in headers of its BYE
one that hears and answers, for handoff-agent test-call:
  handoff-agent simulate voice-agent --manner listens
a human queue, which hands nobody back:
  handoff-agent simulate voice-agent --listen 127.0.0.1:5075 --ring-for 2 --speak build/audio/human-queue.wav

exit codes: 0 ended as asked, 2 could not run"""

_BOTH = """examples:
  handoff-agent simulate cxone
  handoff-agent simulate voice-agent --hand-off-after 5
  handoff-agent simulate voice-agent --manner deaf      for test calls to find out

exit codes: 0 ended as asked, 2 could not run"""


def add(subparsers: Commands) -> None:
    """Add the command and its two sub-commands; ``options.run(options)`` carries it out, as an exit code."""
    parser = add_command(
        subparsers,
        "simulate",
        summary="run a simulator: a fake CXone or a small voice agent",
        description="Run one party of a rehearsal alone, on this machine.",
        epilog=_BOTH,
    )
    kinds = parser.add_subparsers(title="simulators", metavar="SIMULATOR", required=True)
    _add_cxone(kinds)
    _add_voice_agent(kinds)


def _add_cxone(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "cxone",
        summary="a fake NICE CXone",
        description="A fake NICE CXone: log-in, discovery, Signal API, with faults switched over HTTP.",
        epilog=_EXAMPLE,
    )
    parser.add_argument(
        "--listen",
        type=_address,
        default=("127.0.0.1", 8090),
        metavar="HOST:PORT",
        help="where to listen; port 0 takes a free one (default 127.0.0.1:8090)",
    )
    parser.add_argument(
        "--business-unit",
        default="4591234",
        metavar="BU",
        help="the tenant's business unit (default 4591234)",
    )
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="listen on an address that other machines reach; the control API is open to whoever reaches it",
    )
    parser.set_defaults(run=_run_cxone)


class _VoiceAgentParser(argparse.ArgumentParser):
    """Loads the voice agent's own arguments when it is asked for; the SIP stack is not loaded otherwise."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 - argparse's own
        """Add the arguments, then parse as usual."""
        try:
            _voice_agent().add_arguments(self)
        except ImportError as missing:
            self.exit(2, f"the voice agent can't run here: {missing}\n")
        return super().parse_known_args(args, namespace)


def _add_voice_agent(kinds: Commands) -> None:
    kinds._parser_class = _VoiceAgentParser  # noqa: SLF001 - argparse offers no other way for one sub-command
    parser = add_command(
        kinds,
        "voice-agent",
        summary="a small voice agent that answers SIP calls",
        description="A small voice agent: answers SIP, speaks, hears, hands the caller back after a while. "
        "Each thing it does or sees is one JSON object a line.",
        epilog=_VOICE_AGENT_EXAMPLE,
    )
    parser.set_defaults(run=_run_voice_agent)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:8090")
    return host, int(port)


def _run_cxone(options: argparse.Namespace) -> int:
    host, port = options.listen
    if not loopback(host) and not options.allow_remote:
        print(
            f"{host} can be reached by other machines: use --allow-remote to allow that",
            file=sys.stderr,
        )
        return 2
    try:
        asyncio.run(_serve_cxone(host, port, options.business_unit))
    except OSError as error:
        print(
            f"can't listen on {host}:{port}: {os.strerror(error.errno) if error.errno else error}",
            file=sys.stderr,
        )
        return 2
    return 0


async def _serve_cxone(host: str, port: int, business_unit: str) -> None:
    from agent.simulators.cxone import CxoneSimulator, Tenant  # noqa: PLC0415 - other commands start without it

    simulator = CxoneSimulator([Tenant(business_unit=business_unit)])
    with _told_to_end() as ended:
        url = await simulator.start(host, port)
        try:
            print(f"cxone simulator listens on {url}", flush=True)
            await ended.wait()
        finally:
            await simulator.aclose()


@contextlib.contextmanager
def _told_to_end() -> Iterator[asyncio.Event]:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        yield ended
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _run_voice_agent(options: argparse.Namespace) -> int:
    code: int = asyncio.run(_voice_agent().run(options))
    return code


def _voice_agent() -> Any:  # noqa: ANN401 - a module, loaded by name
    return importlib.import_module("agent.simulators.voice_agent")
