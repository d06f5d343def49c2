# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Kamailio with the configuration of deploy/kamailio, in a folder of a test's own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.calls.harness.ports import free_port, is_bound
from tests.calls.harness.processes import COMMAND
from tests.calls.harness.waiting import eventually_now
from tests.http.harness.certificates import new_pair

ADDRESS = "127.0.0.1"
_CONFIGURATION = Path(__file__).parents[3] / "deploy/kamailio/kamailio.cfg"
_UNPACKED = Path(sys.prefix) / "kamailio"
_TLS_UNPACKED = Path(sys.prefix) / "kamailio-tls-modules"
_LIBRARIES = "usr/lib/x86_64-linux-gnu/kamailio"


@dataclass
class Kamailio:
    """One Kamailio in front of the agents that a configuration folder names.

    Attributes:
        folder: for its files.
        port: for UDP.
        tls: its port for TLS, or 0.
        address: where it listens.
        host: the network namespace that it runs in, or none.
        silence: seconds after which it gives an agent up.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    tls: int = 0
    address: str = ADDRESS
    host: str = ""
    silence: int = 2
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        """Write what is of this test's own."""
        self.folder.mkdir()
        shutil.copy(_CONFIGURATION, self.folder)
        defines = {
            "DISPATCHER_LIST": self.folder / "dispatcher.list",
            "ADDRESS_LIST": self.folder / "address.list",
            "CONTROL": f"unix:{self.folder}/ctl",
            "MASK_KEY": "made up",
        }
        lines = [f'#!define {name} "{value}"' for name, value in defines.items()]
        lines.append(f"#!define SILENCE {self.silence * 1000}")
        listen = [f"listen=udp:{self.address}:{self.port}"]
        if self.tls:
            pair = new_pair(self.folder)
            listen.append(f"listen=tls:{self.address}:{self.tls}")
            lines += ["#!define WITH_TLS", f'#!define TLS_CONFIG "{self.folder}/tls.cfg"']
            keys = f"private_key = {pair.private_key}\ncertificate = {pair.certificate}\n"
            (self.folder / "tls.cfg").write_text(f"[server:default]\nmethod = TLSv1.2+\n{keys}")
        (self.folder / "local.cfg").write_text("\n".join((*listen, *lines, "")))

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "kamailio.log"

    @property
    def pids(self) -> list[int]:
        """Its processes."""
        assert self._process is not None
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it ended while we looked
                fields = stat.read_text().rsplit(")", 1)[1].split()
                if int(fields[2]) == self._process.pid:  # a group of its own
                    found.append(int(stat.parent.name))
        return found

    def learn(self, config: Path, environment: dict[str, str]) -> None:
        """Have its lists made from the agents' configuration."""
        subprocess.run(
            [str(COMMAND), "kamailio", "--config", str(config), "--into", str(self.folder)],
            check=True,
            capture_output=True,
            env={**os.environ, **environment},
        )

    def start(self) -> None:
        """Start it, and wait until its socket is there."""
        program, libraries = found()
        modules = ":".join(f"{folder}/modules" for folder in (libraries, *_tls_libraries()))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(("ip", "netns", "exec", self.host) if self.host else ()),
                    *(program, "-DD", "-E", "-f", str(self.folder / "kamailio.cfg")),
                    *("-Y", str(self.folder), "-L", modules),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "LD_LIBRARY_PATH": libraries},
                process_group=0,
            )
        eventually_now(self._listens, 20, f"Kamailio listens (see {self.log})")

    def stop(self, *signals: signal.Signals) -> None:
        """End it and all its children, in order or as told."""
        if self._process is None:
            return
        for number in signals or (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        self._process = None

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text(errors="replace")[-3000:]
        if self.host:
            bound = Path(f"/proc/{self._process.pid}/net/udp").read_text()
            return f":{self.port:04X} " in bound
        return is_bound(self._process.pid, self.port, tcp=False)


def found() -> tuple[str, str]:
    """The program and the folder of its libraries: unpacked by deploy/setup, or installed."""
    if installed := shutil.which("kamailio"):
        return installed, f"/{_LIBRARIES}"
    unpacked = _UNPACKED / "usr/sbin/kamailio"
    assert unpacked.exists(), "there is no Kamailio: deploy/setup --tests brings it"
    return str(unpacked), str(_UNPACKED / _LIBRARIES)


def _tls_libraries() -> list[str]:
    """The folder of the TLS module where it lies apart: unpacked by deploy/setup."""
    return [str(_TLS_UNPACKED / _LIBRARIES)] if _TLS_UNPACKED.exists() else []
