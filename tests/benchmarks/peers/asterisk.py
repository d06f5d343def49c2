# SPDX-License-Identifier: GPL-3.0-or-later
"""Asterisk with chan_pjsip as a B2BUA: by its documentation, never run, since Debian 12 has none."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.benchmarks.peers.processes import Peer, running
from tests.benchmarks.relay import PROBED
from tests.calls.harness.plan import VOICE_AGENT, Plan

_RTP_LOW, _RTP_HIGH = 8000, 12059  # as the agent's in these benchmarks: below all other ports in use
_OWN_FOLDERS = ("astetcdir", "astvarlibdir", "astdbdir", "astkeydir", "astspooldir", "astrundir", "astlogdir")


@asynccontextmanager
async def asterisk() -> AsyncIterator[Peer]:
    """One process that writes in a temporary folder only; modules and sounds are the installed ones."""
    with tempfile.TemporaryDirectory(prefix="handoff-peer-") as name:
        folder, plan = Path(name), Plan(0)
        for file, text in _configuration(folder, plan).items():
            (folder / file).write_text(text)
        command = ("asterisk", "-f", "-C", str(folder / "asterisk.conf"))
        async with running(command, folder, plan.sip) as process:
            yield Peer(plan, [process], without="admission by token, durable records, signals, stories")


def _configuration(folder: Path, plan: Plan) -> dict[str, str]:
    folders = "\n".join(f"{name} => {folder}" for name in _OWN_FOLDERS)
    return {
        "asterisk.conf": f"[directories]\n{folders}\n[options]\nverbose = 0\nnocolor = yes\n",
        "modules.conf": "[modules]\nautoload = yes\nnoload = chan_sip.so\n",
        "logger.conf": "[general]\n[logfiles]\n",
        "rtp.conf": f"[general]\nrtpstart = {_RTP_LOW}\nrtpend = {_RTP_HIGH}\n",
        "pjsip.conf": (
            f"[udp]\ntype = transport\nprotocol = udp\nbind = 127.0.0.1:{plan.sip}\n"
            + _endpoint("caller", "context = callers\n")
            + "[from-caller]\ntype = identify\nendpoint = caller\nmatch = 127.0.0.1\n"
            + _called("bot", plan.first)
            + _called("probed", plan.second)
        ),
        "extensions.conf": (
            f"[callers]\nexten => {PROBED},1,Dial(PJSIP/probed)\nexten => _X.,1,Dial(PJSIP/bot)\n[nobody]\n"
        ),
    }


def _called(name: str, port: int) -> str:
    """A voice agent: where it is, and that nobody comes from there."""
    place = f"[{name}]\ntype = aor\ncontact = sip:bot@{VOICE_AGENT}:{port}\n"
    return _endpoint(name, f"context = nobody\naors = {name}\n") + place


def _endpoint(name: str, more: str) -> str:
    """One whose audio goes through Asterisk."""
    return (
        f"[{name}]\ntype = endpoint\ntransport = udp\ndisallow = all\nallow = ulaw\ndirect_media = no\n{more}"
    )
