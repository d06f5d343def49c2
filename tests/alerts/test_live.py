# SPDX-License-Identifier: GPL-3.0-or-later
"""What an alert is for is done to a real agent; Prometheus sees it fire, and stop where that is quick.

The rules are those of deploy/prometheus with shorter times. `NEVER` has what can't be done to an agent here.
"""

from __future__ import annotations

import asyncio
import re
import resource
import signal
import socket
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.harness.prometheus import Prometheus
from tests.alerts.harness.scene import Scene, scene
from tests.alerts.test_rules import ALERTS
from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import VOICE_AGENT, Plan
from tests.calls.harness.ports import free_port, free_rtp_port
from tests.calls.harness.rtp import RtpPeer
from tests.calls.harness.sip_socket import offer
from tests.calls.harness.waiting import eventually
from tests.calls.harness.web import ask
from tests.calls.test_relay import by_hand
from tests.faults.harness import crowd
from tests.faults.harness.crowd import Way
from tests.faults.harness.disks import fill, mounted
from tests.harness.name_server import NameServer
from tests.http.harness.certificates import new_pair

pytestmark = [pytest.mark.calls, pytest.mark.slow]

LOCKED, HOOKED, GONE = "9995550371", "9995550372", "9995550373"
NEVER = {
    "HandoffMomentsDropped": "takes 10,000 calls that end while the storage is away",
    "HandoffDatabaseNoPrimary": "takes a PostgreSQL; tests/faults/test_database.py ends one under calls",
    "HandoffDatabaseNoStandby": "takes two; tests/delivery/test_replication.py counts standbys",
    "HandoffDatabaseStandbyBehind": "takes two, and a standby that replays nothing for long",
    "HandoffCallsStopped": "takes a day of calls, and an hour of them",
    "HandoffRecordFilesBehind": "takes a disk that hangs",
    "HandoffTestCallsUnclear": "takes three long test calls; tests/calls/test_found_out.py makes one",
}


def test_every_alert_is_fired_by_a_test_below() -> None:
    here = set(re.findall(r'"(Handoff\w+)"', Path(__file__).read_text()))
    assert here == set(ALERTS)
    assert set(NEVER) <= set(ALERTS)


async def test_nice_is_down_and_a_credential_is_refused(cxone: Cxone, tmp_path: Path) -> None:
    def change(plan: Plan) -> None:
        locked = plan.add("acme-locked", LOCKED)
        locked["cxone"] = {**locked["cxone"], "access_key_secret": "${env:CLIENT_SECRET}"}

    async with scene(cxone, tmp_path, change) as here:
        at = here.at
        await here.fire("HandoffCredentialRefused")
        assert here.fired["HandoffCredentialRefused"] == "NICE refuses the credential of acme-locked"
        assert "HandoffNiceDown" not in here.fired
        await at.front.shut()
        await at.calls(6, Way.COMPLETED)
        await here.fire("HandoffNiceDown", "HandoffSignalsWait")
        assert re.match(r"signals of acme-\w+ do not get through to NICE", here.fired["HandoffNiceDown"])
        await at.front.open()
        await here.are_over("HandoffNiceDown", "HandoffSignalsWait")

        plan = at.house.plan
        plan.projects["acme-locked"]["cxone"] = plan.projects["acme-care"]["cxone"]
        plan.write(at.house.config)
        assert await asyncio.to_thread(lambda: at.house.operations("POST", "/reload").status) == 200
        await here.are_over("HandoffCredentialRefused")
        await at.settled()
        await at.stop()


async def test_signals_and_posts_are_refused_or_have_no_answer(cxone: Cxone, tmp_path: Path) -> None:
    with NameServer() as names:
        names.broken = True

        def change(plan: Plan) -> None:
            plan.projects["acme-care"]["webhook"] = {
                "url": f"http://127.0.0.1:{cxone.port}/nowhere",
                "secret": "${env:ACME_API_KEY}",
            }
            named = plan.add("acme-named", HOOKED)
            named["voice_agent"] = {
                **named["voice_agent"],
                "targets": [{"uri": "sip:bot@bot.example:5070"}],
                "probe": {"every": "200ms", "fail": 2, "recover": 1},
            }
            plan.agent["dns"] = {"servers": [names.address]}

        async with scene(cxone, tmp_path, change) as here:
            at = here.at
            await here.fire("HandoffLookupsFail")
            cxone.fault(signal={"mode": "reset_after"})
            await at.calls(2, Way.COMPLETED)
            await here.fire("HandoffSignalsUnknown")
            cxone.fault(signal={"answer": "invalid_contact"})
            await at.calls(6, Way.COMPLETED)
            await here.fire("HandoffContactsGone")
            cxone.fault(signal={"answer": "bad_request"})
            await at.calls(5, Way.HANDOFF)
            await here.fire("HandoffSignalsLost", "HandoffManySignalsLost", "HandoffPostsLost")
            assert "webhooks of acme-care were not taken" in here.fired["HandoffPostsLost"]
            cxone.heal()
            await here.are_over("HandoffSignalsLost", "HandoffPostsLost", "HandoffSignalsUnknown")
            await at.went_their_way()
            await at.settled()
            await at.stop()


async def test_calls_ports_descriptors_and_connections_near_their_limits(
    cxone: Cxone, tmp_path: Path
) -> None:
    calls = 12

    def change(plan: Plan) -> None:
        plan.projects["acme-care"]["limits"] = {"calls": calls}
        plan.agent["http"] |= {"connections": 2, "connections_per_address": 2}

    async with scene(cxone, tmp_path, change, calls=calls) as here:
        at, pid = here.at, here.at.house.agent.pid
        up = await at.up(calls)
        await here.fire("HandoffCallsNearLimit", "HandoffProjectNearLimit", "HandoffPortsNearLimit")
        assert "100% of its calls" in here.fired["HandoffCallsNearLimit"]
        await at.calls(12, Way.STAYS)
        await here.fire("HandoffRefusalsRise", "HandoffCallersTurnedAway")
        for call in up:
            at.crowd.hang_up(call)
        await here.are_over("HandoffCallsNearLimit", "HandoffProjectNearLimit", "HandoffPortsNearLimit")

        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        opened = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (opened + 5, before[1]))
        await here.fire("HandoffDescriptorsNearLimit")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        await here.are_over("HandoffDescriptorsNearLimit")

        with ExitStack() as held:
            for _ in range(4):
                held.enter_context(socket.create_connection(("127.0.0.1", at.house.plan.api)))
            await here.fire("HandoffConnectionsShed")
        await at.settled()
        await at.stop()


async def test_voice_agents_are_gone_calls_fail_and_lose_their_audio(
    cxone: Cxone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "idle_audio", offer)  # they promise audio, and send none

    def change(plan: Plan) -> None:
        plan.agent["media"]["silence_timeout"] = "1s"
        gone = plan.add("acme-gone", GONE)
        gone["voice_agent"] = {
            **gone["voice_agent"],
            "targets": [{"uri": f"sip:bot@{VOICE_AGENT}:{free_port()}"}],
            "probe": {"every": "200ms", "fail": 2, "recover": 1},
        }
        gone["synthetic"] = {"every": "10s"}

    async with scene(cxone, tmp_path, change) as here:
        at = here.at
        await here.fire("HandoffTargetDown", "HandoffAllTargetsDown", "HandoffTestCallsFail")
        assert here.fired["HandoffAllTargetsDown"].startswith("no voice agent of acme-gone answers")
        await at.calls(6, Way.STAYS)
        await here.fire("HandoffMediaLost", "HandoffCallsFail")
        assert "100% of the calls of acme-care fail" in here.fired["HandoffCallsFail"]
        await at.settled()
        await at.stop()


async def test_somebody_tries_tokens(cxone: Cxone, tmp_path: Path) -> None:
    def change(plan: Plan) -> None:
        token = {"name": "ana", "role": "operator", "token": "${env:CLIENT_SECRET}"}
        plan.agent["http"]["operations_auth"] = {"tokens": [token]}

    async with scene(cxone, tmp_path, change) as here:
        at = here.at
        for number in range(35):
            wrong = {"Authorization": f"Bearer a-guess-{number}"}
            asked = partial(ask, at.house.plan.operations, "GET", "/calls", None, wrong)
            assert (await asyncio.to_thread(asked)).status in (401, 429)
        await here.fire("HandoffLogInsRefused")
        await at.stop()


class Gappy(RtpPeer):
    """Speaks with a hole after every fifth packet."""

    def _frame(self, sent: int) -> bytes:
        self._sequence += sent % 5 == 4
        return super()._frame(sent)


async def test_audio_has_losses(cxone: Cxone, tmp_path: Path) -> None:
    async with scene(cxone, tmp_path) as here:
        at = here.at
        at.crowd._agents.close()  # its port is the voice agent's below
        await asyncio.sleep(0)  # in which the loop does it
        async with Gappy(free_rtp_port()) as phone, Gappy(free_rtp_port(), address=VOICE_AGENT) as mouth:
            answer = offer(mouth.port).replace("127.0.0.1", VOICE_AGENT)
            async with by_hand(at.house, phone, mouth, answer):
                await eventually(lambda: len(phone.packets) > 80, what="audio from the voice agent")
                await eventually(lambda: len(mouth.packets) > 80, what="audio from the caller")
        await here.fire("HandoffAudioLossy")
        await at.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:  # noqa: ANN401 - a generator of a path
    """A file system of its own with little room."""
    with mounted(tmp_path / "disk", "size=6m") as place:
        yield place


async def test_the_disk_fills_up_and_records_can_not_be_written(
    cxone: Cxone, tmp_path: Path, small_disk: Path
) -> None:
    def change(plan: Plan) -> None:
        plan.agent["storage"] = f"sqlite://{small_disk / 'agent.db'}"
        plan.agent["records"] = {"folder": str(tmp_path / "gone" / "records")}

    async with scene(cxone, tmp_path, change) as here:
        at = here.at
        up = await at.calls(3, Way.STAYS)
        await at.went_their_way()
        await here.fire("HandoffRecordFilesFault")
        (tmp_path / "gone").mkdir()
        await here.are_over("HandoffRecordFilesFault")
        ballast = fill(small_disk)
        await here.fire("HandoffDiskFills", "HandoffDiskFull")
        at.crowd.call(new_contact(), Way.STAYS)  # finds out
        for call in up:
            at.crowd.hang_up(call)
        await here.fire("HandoffStorageFault", "HandoffNodeTakesNoCalls", "HandoffMomentsWait")
        ballast.unlink()
        await here.are_over(
            *("HandoffDiskFills", "HandoffDiskFull", "HandoffStorageFault", "HandoffNodeTakesNoCalls"),
            "HandoffMomentsWait",
        )
        await at.stop()


BREAKS = """
import os
from agent.sip.stack import Stack

look = Stack.look_for_messages

def breaks(self):
    if os.path.exists({flag!r}):
        raise RuntimeError("as the test wants it")
    look(self)

Stack.look_for_messages = breaks
"""


async def test_the_process_is_sick_late_and_drained(cxone: Cxone, tmp_path: Path) -> None:
    flag = tmp_path / "break"
    (tmp_path / "sitecustomize.py").write_text(BREAKS.format(flag=str(flag)))
    pair = new_pair(tmp_path, valid=(-1.0, 40.0))

    def change(plan: Plan) -> None:
        plan.agent["http"]["tls"] = {
            "certificate": str(pair.certificate),
            "private_key": str(pair.private_key),
        }

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HANDOFF_PJSUA2", f"{tmp_path}")
        async with scene(cxone, tmp_path, change) as here:
            await here.fire("HandoffCertificateExpires", "HandoffCertificateExpiresNow")
            assert "ends in 1d " in here.fired["HandoffCertificateExpires"]
            new_pair(tmp_path, valid=(-1.0, 24 * 90))
            await here.are_over("HandoffCertificateExpires", "HandoffCertificateExpiresNow")
            await _a_broken_map(here)
            flag.touch()
            await here.fire("HandoffNodeDegraded", "HandoffInternalErrors")
            flag.unlink()
            await here.are_over("HandoffInternalErrors")
            await _a_late_loop(here)
            await _a_log_that_can_not_be_written(here)
            here.at.house.operations("POST", "/drain")
            await here.fire("HandoffNodeDrains")
            here.at.house.operations("DELETE", "/drain")
            await here.are_over("HandoffNodeDrains")


async def test_nodes_of_a_fleet_differ(cxone: Cxone, tmp_path: Path) -> None:
    listed = [{"name": name, "sip": f"sip:127.0.0.1:{free_port()}"} for name in ("edge-1", "edge-2")]

    def change(plan: Plan) -> None:
        plan.agent |= {"fleet": {"nodes": listed}}

    other = Plan(cxone.port, first=free_port())
    async with scene(cxone, tmp_path, change, beside=[other.operations]) as here:
        first = here.at.house.plan
        other.agent |= {"node": "edge-2", "fleet": {"nodes": listed}}
        other.carriers, other.projects = first.carriers, first.projects
        other.numbers = {**first.numbers, LOCKED: "acme-care"}
        (tmp_path / "edge-2").mkdir()
        second = House(other, cxone, tmp_path / "edge-2")
        await asyncio.to_thread(second.start)
        try:
            await here.fire("HandoffConfigDiffers")
            told = "nodes of one fleet serve by 2 different configurations"
            assert here.fired["HandoffConfigDiffers"] == told
            other.numbers = first.numbers
            other.write(second.config)
            assert await asyncio.to_thread(lambda: second.operations("POST", "/reload").status) == 200
            await here.are_over("HandoffConfigDiffers")
        finally:
            second.agent.kill()
        await here.at.stop()


async def _a_broken_map(here: Scene) -> None:
    """An edit with a mistake; then without."""
    plan, house = here.at.house.plan, here.at.house
    plan.numbers["9995550199"] = "nobody"
    plan.write(house.config)
    assert await asyncio.to_thread(lambda: house.operations("POST", "/reload").status) == 422
    await here.fire("HandoffConfigurationKeptOut")
    del plan.numbers["9995550199"]
    plan.write(house.config)
    await here.are_over("HandoffConfigurationKeptOut")


async def _a_late_loop(here: Scene) -> None:
    """The process is stopped for a moment, again and again."""
    house, stopped = here.at.house, asyncio.Event()

    async def stutter() -> None:
        while not stopped.is_set():
            house.agent.send(signal.SIGSTOP)
            await asyncio.sleep(0.15)  # what is done to it, not a wait
            house.agent.send(signal.SIGCONT)
            await asyncio.sleep(0.2)

    stuttering = asyncio.ensure_future(stutter())
    try:
        await here.fire("HandoffLoopLag")
    finally:
        stopped.set()
        await stuttering
    await here.are_over("HandoffLoopLag")


async def _a_log_that_can_not_be_written(here: Scene) -> None:
    """No file of the process may grow for a while: neither its log nor its record."""
    house = here.at.house
    before = resource.prlimit(house.agent.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(house.agent.pid, resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        ask(house.plan.operations, "POST", "/reload", {}, {"X-Requested-By": "test"})
        here.at.crowd.call(new_contact(), Way.STAYS, number="1")
        await here.fire("HandoffLogLinesLost")
    finally:
        resource.prlimit(house.agent.pid, resource.RLIMIT_FSIZE, before)


async def test_the_process_dies_again_and_again_and_stays_away(cxone: Cxone, tmp_path: Path) -> None:
    async with scene(cxone, tmp_path, factor=6) as here:  # two starts take their time
        for _ in range(2):
            before = here.prometheus.query("process_start_time_seconds")[0]["value"][1]
            await here.at.kill()
            await here.at.start()
            seen = partial(here.prometheus.query, f"process_start_time_seconds > {before}")
            await eventually(seen, what="this start is seen")
        await here.fire("HandoffAgentRestarts")
        await here.at.kill()
        await here.fire("HandoffAgentNotScraped")
        await here.at.start()
        await here.are_over("HandoffAgentNotScraped")
        await here.at.stop()


async def test_nobody_knows_of_an_agent(tmp_path: Path) -> None:
    with Prometheus(tmp_path, []) as prometheus:
        await eventually(lambda: "HandoffAgentUnknown" in prometheus.firing(), what="HandoffAgentUnknown")
