# SPDX-License-Identifier: GPL-3.0-or-later
"""Audio of 200 calls, mixed and relayed in turn: the delay that the agent adds, and what a call costs."""

from __future__ import annotations

import asyncio
import socket
import statistics
import struct
import time

from agent.simulators.arrival import SPACE, arrived, stamp
from agent.simulators.g711 import FRAME
from tests.benchmarks.edge import Load, Placed, cost, edge, socket_drops
from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import identity, new_contact
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import VOICE_AGENT, Plan
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.sip_socket import SipSocket, audio_port, offer

_CALLS, _RATE, _HOLD, _PACKETS = 200, 20, 70_000, 1500
PROBED = "9995550490"
_HEADER = struct.Struct("!BBHII")


async def relay() -> dict[str, object]:
    """200 calls with G.711 both ways, mixed, then relayed; one more is measured packet by packet."""
    return {mode: await _measured(mode) for mode in ("mix", "auto")}


async def _measured(mode: str) -> dict[str, object]:
    def change(plan: Plan) -> None:
        plan.agent["media"]["mode"] = mode
        add_probed(plan)

    async with edge(300, change) as house:
        before, drops = house.metrics(), socket_drops()
        load = asyncio.ensure_future(Load(house, _RATE, _CALLS, _HOLD, media=True).run())
        await asyncio.sleep(_CALLS / _RATE + 5)  # all are up
        used, at = cost(house.agent.pid), time.monotonic()
        up = total(house.metrics(), "handoff_calls_active")
        took, missing = await delays(house)
        then, minutes = cost(house.agent.pid), (time.monotonic() - at) / 60
        sipp, after = await load, house.metrics()
        received, lost = (
            total(after, name) - total(before, name)
            for name in ("handoff_rtp_packets_received_total", "handoff_rtp_packets_lost_total")
        )
        return {
            "calls_up": up,
            "sipp": sipp,
            "cpu_seconds_per_call_minute": round((then.cpu - used.cpu) / minutes / (up + 1), 4),
            "memory_kilobytes": then.memory,
            "relayed": total(after, "handoff_media_paths_total", path="relay"),
            "mixed": total(after, "handoff_media_paths_total", path="mix"),
            "one_way_delay_p50_milliseconds": quantile_in_milliseconds(took, 0.5),
            "one_way_delay_p99_milliseconds": quantile_in_milliseconds(took, 0.99),
            "one_way_delay_mean_milliseconds": round(statistics.fmean(took) * 1000, 3),
            "packets_measured": len(took),
            "packets_whose_content_did_not_arrive": missing,
            "packets_received_by_the_agent": received,
            "packets_lost_as_rtp_counts": lost,
            "packets_dropped_by_any_socket_of_this_machine": socket_drops() - drops,
        }


def add_probed(plan: Plan, number: str = PROBED, port: int = 0) -> None:
    """Give the agent a number for a call that `delays` measures."""
    probed = plan.add(f"acme-probed-{number}", number)
    target = {"uri": f"sip:bot@{VOICE_AGENT}:{port or plan.second}"}
    probed["voice_agent"] = {**probed["voice_agent"], "targets": [target]}


def quantile_in_milliseconds(values: list[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1000, 3)


class _End:
    """One end of the measured call: sends numbered frames, and notes when each of the other's came."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stamp(self.socket)
        self.socket.bind(("127.0.0.1", free_rtp_port()))
        self.socket.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self.sent: dict[bytes, float] = {}
        self.got: dict[bytes, float] = {}

    @property
    def port(self) -> int:
        """Where it takes audio."""
        return int(self.socket.getsockname()[1])

    def send(self, number: int, to: int) -> None:
        """Send a frame that no other one is like, in codes that decoding and encoding leave as they are."""
        mark = bytes(0x80 | number >> shift & 0x3F for shift in (0, 6))
        packet = _HEADER.pack(0x80, 0, number & 0xFFFF, number * FRAME, id(self) & 0xFFFFFFFF)
        self.sent[mark] = time.time()
        self.socket.sendto(packet + mark * (FRAME // 2), ("127.0.0.1", to))

    def take(self) -> None:
        """Note what has come."""
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(2048, SPACE)
            except BlockingIOError:
                return
            if len(data) == _HEADER.size + FRAME:
                self.got.setdefault(data[-2:], arrived(ancillary))


async def delays(
    house: Placed, packets: int = _PACKETS, number: str = PROBED, port: int = 0
) -> tuple[list[float], int]:
    """Seconds that frames took through what is placed there, both ways; how many came changed or never.

    The call goes to `number`, whose voice agent is at `port`, the plan's `second` if none is named.
    """
    contact, near_end, far_end = new_contact(), _End(), _End()
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, port or house.plan.second) as far,
        SipSocket(house.plan.sip) as near,
    ):
        uri = f"sip:{number}@127.0.0.1:{house.plan.sip}"
        headers = (*identity(contact).split("\r\n"), f"X-Contact-Id: {contact}")  # for what passes headers on
        caller = HandCaller(near, uri, headers, near_end.port)
        bot = HandVoiceAgent(far, far_end.port, contact)
        caller.invite()
        invite = await bot.asked("INVITE")
        bot.answer(invite, 200, body=offer(far_end.port))
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        await bot.asked("ACK")
        ends = (
            (near_end, audio_port(caller.answers("INVITE", 200)[0].body), far_end),
            (far_end, audio_port(invite.body), near_end),
        )
        due = time.monotonic()
        for frame in range(packets):
            for end, to, _ in ends:
                end.take()
                end.send(frame, to)
            due += 0.02
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.sleep(0.5)
        near_end.take()
        far_end.take()
        caller.in_dialog("BYE", 2)
        await caller.answered("BYE", 200)
    # What was sent while the streams came up does not count.
    marks = [(end.sent, other.got, mark) for end, _, other in ends for mark in list(end.sent)[50:-10]]
    took = [got[mark] - sent[mark] for sent, got, mark in marks if mark in got]
    return took, len(marks) - len(took)
