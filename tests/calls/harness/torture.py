# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages that no well-behaved peer sends, from sip_scenarios/misbehaving/messages/.

A file begins with ``#`` lines: what it proves and, after ``expect:``, the final answers that are right
(``silence`` among them). The rest is the message; its line ends become CR LF and words in braces are
filled in.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from tests.calls.harness.house import identity, new_contact
from tests.calls.harness.plan import SECRETS, SHARED
from tests.calls.harness.sip_socket import SipSocket
from tests.calls.harness.sipp import SCENARIOS

MESSAGES = SCENARIOS / "misbehaving" / "messages"
_JUNK = "INVITE sip:junk@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1\r\n\r\n"
# The project whose voice agent no test runs: an INVITE that was given up without any response is repeated for
# 32 s, and a voice agent that starts meanwhile would take it for its call.
_TOKEN = SECRETS["SANDBOX_TOKEN"]
_BYTES = b"\xff\xfe caf\xe9 \xc3\x28"


@dataclass(frozen=True, slots=True)
class Torture:
    """One file: its name, what is a right answer, and the message as it stands there."""

    name: str
    codes: frozenset[int]
    silence: bool
    text: str

    def message(self, wire: SipSocket, agent: int, call_id: str) -> bytes:
        """The bytes for the wire."""
        head, _, body = self.text.partition("\n\n")
        length = len(body.replace("{junk}", "").replace("\n", "\r\n").encode())
        words = {
            "port": str(wire.port),
            "agent": f"127.0.0.1:{agent}",
            "number": SHARED,
            "branch": f"z9hG4bK{uuid.uuid4().hex}",
            "tag": uuid.uuid4().hex[:8],
            "call_id": call_id,
            "identity": identity(new_contact(), _TOKEN).replace("\r\n", "\n"),
            "token": f"X-PolyAi-Auth-Token: {_TOKEN}",
            "length": str(length),
            "junk": _JUNK,
            "long_host": "h" * 300,
            "long_number": "1" * 3000,
            "large": "x" * 60000,
        }
        text = f"{head}\n\n{body}"
        for word, value in words.items():
            text = text.replace(f"{{{word}}}", value)
        lines = text.replace("\r\n", "\n").replace("\n", "\r\n")
        return lines.encode().replace(b"{bytes}", _BYTES)


def read(path: Path) -> Torture:
    """Read one file."""
    lines = path.read_text(encoding="utf-8").split("\n")
    comments = [line for line in lines if line.startswith("# ")]
    expect = next(line for line in comments if line.startswith("# expect: ")).split()[2:]
    codes = frozenset(int(word) for word in expect if word.isdigit())
    return Torture(path.stem, codes, "silence" in expect, "\n".join(lines[len(comments) :]))
