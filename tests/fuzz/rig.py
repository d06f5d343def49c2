# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent under AddressSanitizer or ThreadSanitizer, its peers, and what can go wrong with it."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House
from tests.calls.harness.plan import SECRETS, VOICE_AGENT, Plan
from tests.calls.harness.ports import free_port, free_range
from tests.calls.harness.processes import Process
from tests.calls.harness.waiting import eventually
from tests.calls.harness.web import answers
from tests.fuzz.answers import plainly
from tests.fuzz.corpus import Dialog
from tests.fuzz.peers import Peer, soon

ROOT = Path(__file__).parents[2]
TCP_CARE = "9995550170"
_SUPPRESSED = ROOT / "deploy" / "pjsua2" / "tsan.supp"
_RTP_PORTS = 2000
_TRIES = 6
_LEGS_LIVE = 60.0  # a transaction without an answer goes on for 32 s, a BYE comes after it
_FAULT = re.compile(
    r"(?:ERROR: Address|WARNING: Thread)Sanitizer:? (.*)|Traceback \(most recent|"
    r".*(?:terminate called|Assertion).*"
)
_FRAME = re.compile(r"#\d+ (?:0x\w+ in )?(\S+) (?:\.\./src|pjproject|\.\./)\S*")  # tsan's: without


class Finding(Exception):  # noqa: N818 - what is looked for is no error of ours
    """The agent did what it must not: the text says what in a line, `report` the end of its log."""

    def __init__(self, text: str, report: str = "") -> None:
        super().__init__(text)
        self.report = report


class Rig:
    """The agent with a caller, a voice agent, a queue, and one who asks whether it is well.

    Args:
        folder: where its files go.
        flavour: of pjsua2: `asan` or `tsan`.
    """

    def __init__(self, folder: Path, flavour: str = "asan") -> None:
        self.folder = folder
        self.cxone = Cxone(folder)
        plan = _plan(self.cxone.port)
        self.house = House(plan, self.cxone, folder)
        self.log = folder / "agent.log"
        command = ["run", "--config", str(self.house.config)]
        self.house.agent = Process(command, self.log, _environment(flavour))
        self.caller = Peer("caller", "127.0.0.1", free_port(), plan.sip)
        self.bot = Peer("voice agent", VOICE_AGENT, plan.first, plan.sip)
        self.queue = Peer("queue", VOICE_AGENT, plan.queue, plan.sip)
        self._guest = Peer("guest", "127.0.0.1", free_port(), plan.sip)
        self._asked = itertools.count(1)
        self._read = 0

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Those that cases speak through."""
        return self.caller, self.bot, self.queue

    @contextlib.asynccontextmanager
    async def there(self) -> AsyncIterator[None]:
        """Everything runs for as long as this is entered."""
        self.cxone.start()
        try:
            self.house.start()
            async with AsyncExitStack() as stack:
                for peer in (*self.peers, self._guest):
                    await stack.enter_async_context(peer.there())
                yield
        finally:
            self.house.agent.kill()
            self.cxone.process.kill()

    def restart(self) -> None:
        """Start the agent anew after a finding; the log goes on."""
        self.house.agent.kill()
        self.house.start()
        self._read = self.log.stat().st_size

    def dialog(self, peer: Peer, call_id: str, number: str, *, tcp: bool) -> Dialog:
        """The caller's end of a call to a number."""
        uri = f"sip:{number}@127.0.0.1:{self.house.plan.sip}"
        local = f"<sip:fuzz@{peer.host}:{peer.port}>;tag={call_id}"
        return Dialog(peer.host, peer.port, tcp, call_id, local, f"<{uri}>", uri)

    # -- is it well? -----------------------------------------------------------------------------------------

    async def settled(self) -> None:
        """Wait until the agent has looked at all that was sent: it answers OPTIONS that came after.

        Raises:
            Finding: it died, hangs, or said something bad.
        """
        call_id = f"well{next(self._asked)}"
        request = self.dialog(self._guest, call_id, "nobody", tcp=False).request("OPTIONS")
        self._guest.heard.clear()
        well = None
        for _ in range(_TRIES):  # over UDP, behind a flood that may have filled the agent's socket
            self._guest.send(request.render())
            well = await soon(lambda: self._guest.heard or not self.house.agent.running, 5)
            if well:
                break
        self.look()
        if not well:
            raise Finding(f"no answer to OPTIONS for {5 * _TRIES} s", self.house.agent.tail())

    def look(self) -> None:
        """Raise what the agent has said or done that is bad."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            new = log.read().decode(errors="replace")
        if not self.house.agent.running:
            new = self.log.read_bytes()[self._read :].decode(errors="replace")
        found = _FAULT.search(new)
        if found:
            report = new[found.start() : found.start() + 12000]
            raise Finding(_title(found, report), report)
        if not self.house.agent.running:
            raise Finding(f"the agent ended with {self.house.agent.code}", self.house.agent.tail())
        self._read += len(new.encode(errors="replace")) if "\ufffd" not in new else 0

    async def at_rest(self) -> None:
        """Hold the agent to being as it was before all this.

        Raises:
            Finding: it isn't ready, does not carry a call, or keeps something of those that have ended.
        """
        await self.settled()
        self.sweep()
        if not answers(self.house.plan.operations, "/readyz"):
            raise Finding("/readyz is not 200", self.house.agent.tail())
        try:
            await eventually(lambda: not self.house.leftovers(), _LEGS_LIVE, "no call, leg or signal left")
            await self._an_ordinary_call()
        except AssertionError as error:
            raise Finding(str(error).splitlines()[0], f"{error}\n{self.house.agent.tail()}") from None
        self.look()

    def sweep(self) -> None:
        """End every call that a case left up."""
        with contextlib.suppress(OSError):
            self.house.sweep()

    async def _an_ordinary_call(self) -> None:
        for peer in self.peers:
            peer.forget(plainly(peer))
        async with self.house.caller("basic_call", talk=200) as caller:
            await caller.succeeds()
            await self.house.ended(caller, "caller", "caller_hung_up")
        await self.house.at_rest()


def _plan(cxone: int) -> Plan:
    plan = Plan(cxone)
    low, high = free_range(_RTP_PORTS)
    plan.agent["media"] |= {
        "rtp_ports": f"{low}-{high}",
        "codecs": ["PCMU", "PCMA", "G722", "opus"],
        "srtp": "optional",
    }
    plan.agent["limits"] |= {"calls": _RTP_PORTS // 4}
    plan.agent["log"]["level"] = "info"
    project = plan.add("acme-tcp", TCP_CARE)
    target = {"uri": f"sip:bot@{VOICE_AGENT}:{plan.first};transport=tcp", "priority": 1}
    project["voice_agent"] = {**project["voice_agent"], "targets": [target]}
    return plan


def _environment(flavour: str) -> dict[str, str]:
    """The sanitizer before all else; a name that slipped through is asked for a second, not ten."""
    gcc = shutil.which("gcc")
    assert gcc, "gcc is not installed, which knows where the sanitizers are"
    asked = ([gcc, f"-print-file-name={name}"] for name in (f"lib{flavour}.so", "libstdc++.so"))
    found = [subprocess.check_output(command, text=True).strip() for command in asked]
    return {
        **SECRETS,
        "PYTHONPATH": str(ROOT / ".venv" / f"pjsua2-{flavour}"),
        "LD_PRELOAD": " ".join(found),
        "ASAN_OPTIONS": "detect_leaks=0:handle_segv=2:handle_abort=1:quarantine_size_mb=64",
        "TSAN_OPTIONS": f"suppressions={_SUPPRESSED}:halt_on_error=0:second_deadlock_stack=1:history_size=7",
        "RES_OPTIONS": "timeout:1 attempts:1",
    }


def _title(found: re.Match[str], report: str) -> str:
    if found[1]:
        return f"{found[1].split(' on ')[0]} in {' < '.join(_FRAME.findall(report)[:3])}"
    if found[0].startswith("Traceback"):
        return next((line for line in report.splitlines()[1:] if not line.startswith(" ")), found[0])
    return found[0]
