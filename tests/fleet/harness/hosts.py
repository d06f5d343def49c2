# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hosts beside this one, in network namespaces, and an address that moves between them (ip-netns(8))."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Hosts:
    """This host and two others on one bridge.

    Attributes:
        network: the first three numbers of all addresses.
        names: namespaces of the two others.
        bridge: of this one.
    """

    network: str
    names: tuple[str, str]
    bridge: str

    @property
    def agent(self) -> str:
        """An address of this host."""
        return f"{self.network}.1"

    @property
    def carrier(self) -> str:
        """Another one of this host."""
        return f"{self.network}.4"

    @property
    def moving(self) -> str:
        """The address that moves."""
        return f"{self.network}.10"

    def move(self, to: str) -> None:
        """Have one of the others have it, as keepalived would, and all know where it is now."""
        for name in self.names:
            _ip("-n", name, "address", "flush", "to", self.moving, "dev", "eth0")
        _ip("-n", to, "address", "add", f"{self.moving}/24", "dev", "eth0")
        _ip("neighbour", "flush", "to", self.moving, "dev", self.bridge)


def _ip(*arguments: str) -> None:
    program = shutil.which("ip") or "/usr/sbin/ip"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr} (network namespaces take root)"


@contextmanager
def hosts() -> Iterator[Hosts]:
    """Both, while the test runs."""
    number = os.getpid()
    network = f"10.{64 + number % 64}.{number // 64 % 256}"
    names, bridge = (f"front{number}a", f"front{number}b"), f"br{number}"
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("address", "add", f"{network}.1/24", "dev", bridge)
        _ip("address", "add", f"{network}.4/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for last, name in enumerate(names, 2):
            end = f"v{number}{name[-1]}"
            _ip("netns", "add", name)
            _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", end, "master", bridge, "up")
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "address", "add", f"{network}.{last}/24", "dev", "eth0")
            setting = "/proc/sys/net/ipv4/ip_nonlocal_bind"
            _ip("netns", "exec", name, "sh", "-c", f"echo 1 > {setting}")
        yield Hosts(network, names, bridge)
    finally:
        program = shutil.which("ip") or "/usr/sbin/ip"
        for name in names:
            subprocess.run([program, "netns", "del", name], capture_output=True, check=False)
        subprocess.run([program, "link", "del", bridge], capture_output=True, check=False)
