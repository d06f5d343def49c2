# SPDX-License-Identifier: GPL-3.0-or-later
"""Kamailio as a stateful proxy, with rtpengine in user space for the audio."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.benchmarks.peers.processes import Peer, running
from tests.benchmarks.relay import PROBED
from tests.calls.harness.plan import VOICE_AGENT, Plan
from tests.calls.harness.ports import free_port

_RTP_LOW, _RTP_HIGH = 8000, 12059  # as the agent's in these benchmarks: below all other ports in use
_WORKERS = 4
_MODULES = ("tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "rtpengine")


@asynccontextmanager
async def kamailio() -> AsyncIterator[Peer]:
    """Both, started with a configuration of our own in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="handoff-peer-") as name:
        folder, plan, control = Path(name), Plan(0), free_port()
        configuration = folder / "kamailio.cfg"
        configuration.write_text(_configuration(plan, control))
        rtpengine = (
            "rtpengine", "--foreground", "--log-stderr", "--log-level=3", "--table=-1", "--no-fallback",
            "--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{control}", f"--port-min={_RTP_LOW}",
            f"--port-max={_RTP_HIGH}", "--config-file=none",
        )  # fmt: skip
        proxy = ("kamailio", "-DD", "-E", "-m", "512", "-M", "16", "-Y", name, "-f", str(configuration))
        async with (
            running(rtpengine, folder, control) as media,
            running(proxy, folder, plan.sip) as signalling,
        ):
            yield Peer(
                plan,
                [media, signalling],
                without="a B2BUA's two dialogs, admission, records, signals, stories",
            )


def _configuration(plan: Plan, control: int) -> str:
    modules = "\n".join(f'loadmodule "{name}.so"' for name in _MODULES)
    return f"""#!KAMAILIO
debug=0
log_stderror=yes
children={_WORKERS}
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:{plan.sip}
{modules}
modparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:{control}")

request_route {{
    if (!mf_process_maxfwd_header("70")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (is_method("CANCEL") && !t_check_trans()) exit;
    if (is_method("ACK") && !has_totag()) exit;
    if (!is_method("ACK|CANCEL")) t_check_trans();
    if (is_method("INVITE") && !has_totag()) record_route();
    if (is_method("INVITE|BYE|CANCEL")) rtpengine_manage("replace-origin");
    if (uri == myself) {{
        if ($rU == "{PROBED}") $ru = "sip:bot@{VOICE_AGENT}:{plan.second}";
        else $ru = "sip:bot@{VOICE_AGENT}:{plan.first}";
    }}
    t_on_reply("ANSWERED");
    if (!t_relay()) sl_reply_error();
}}

onreply_route[ANSWERED] {{
    if (has_body("application/sdp")) rtpengine_manage("replace-origin");
}}
"""
