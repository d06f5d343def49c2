# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a request unsound though the stack could read it: nobody may have to guess what it means."""

from __future__ import annotations

from typing import Final

from agent.core.headers import Message, is_list

# No list is defined for them, so each may stand once (RFC 3261 section 7.3.1). Contact is a list, but whoever
# asks for a dialog names one (section 8.1.1.8).
_ONCE: Final = {
    "from": "From",
    "to": "To",
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "max-forwards": "Max-Forwards",
    "contact": "Contact",
    "content-type": "Content-Type",
    "content-length": "Content-Length",
}


def unsound(message: Message) -> str | None:
    """What is wrong with a request that asks for a dialog, in an operator's words; None if nothing is."""
    for name, written in _ONCE.items():
        if len(message.all(name)) > 1:
            return f"the header {written} stands more than once"
    if is_list(message.first("contact")):
        return "the header Contact names more than one address"
    return None
