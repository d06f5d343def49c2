# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an address can't be listened on, with what to do about it."""

from __future__ import annotations

from typing import Final

_TO_DO: Final = {  # by Linux' own words, which pjlib gives too
    "Address already in use": "another process has this port; ss -lntup tells which",
    "Cannot assign requested address": "this machine has no such address; ip address lists those it has",
    "Permission denied": "ports below 1024 take root or CAP_NET_BIND_SERVICE",
}


def with_remedy(reason: str) -> str:
    """The system's reason, and what to do where that is known."""
    return f"{reason}: {_TO_DO[reason]}" if reason in _TO_DO else reason
