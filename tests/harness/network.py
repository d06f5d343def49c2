# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of a process's own: every port free, nobody else's packets, and nothing beyond this machine."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_IFREQ = struct.Struct("16sh22x")


def may_have_own_network() -> bool:
    """Whether this user may make network namespaces (on Linux: root, or CAP_SYS_ADMIN)."""
    tried = subprocess.run(["/usr/bin/unshare", "--net", "true"], capture_output=True, check=False)
    return tried.returncode == 0


def enter_own_network() -> None:
    """Put this thread, and all threads and processes that it starts, into a new network namespace.

    It has a loopback interface, up, and no other.

    Raises:
        OSError: the kernel refuses; `may_have_own_network` would have said so.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, _IFREQ.pack(b"lo", 0))
        name, flags = _IFREQ.unpack(asked)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, _IFREQ.pack(name, flags | _IFF_UP))
