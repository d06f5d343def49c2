# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells systemd how the node is (sd_notify(3)); does nothing where systemd does not listen."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(**facts: str) -> None:
    """Send facts such as ``READY="1"`` or ``STATUS="draining"``."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    text = "\n".join(f"{name}={value}" for name, value in facts.items())
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
        speaker.settimeout(0)
        speaker.sendto(text.encode(), address)
