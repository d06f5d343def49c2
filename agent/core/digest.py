# SPDX-License-Identifier: GPL-3.0-or-later
"""Digest access authentication of a caller (RFC 3261 section 22, RFC 8760), without server state.

The nonce is a time and its HMAC under the password, so any process with the same carrier can check it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from enum import Enum

from agent.core.headers import Message

_NONCE_SECONDS = 300
_FIELD = re.compile(r'(?<!\w)(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256"}


class Verdict(Enum):
    """What an Authorization header is worth."""

    GOOD = "good"
    ABSENT = "absent"
    WRONG = "wrong"
    STALE = "stale"


def challenge(realm: str, password: str, now: float, *, stale: bool = False) -> str:
    """The value of a WWW-Authenticate header. `now` is in seconds since the epoch.

    MD5 is named since it is what SIP trunks still speak (RFC 3261 section 22.4).
    """
    mark = ", stale=true" if stale else ""
    return f'Digest realm="{realm}", nonce="{_nonce(int(now), password)}", algorithm=MD5, qop="auth"{mark}'


def verify(message: Message, realm: str, username: str, password: str, now: float) -> Verdict:
    """Check a request's Authorization header of this realm; every comparison is constant-time."""
    for value in message.all("authorization"):
        scheme, _, rest = value.partition(" ")
        fields = {name.lower(): quoted or bare for name, quoted, bare in _FIELD.findall(rest)}
        if scheme.lower() == "digest" and fields.get("realm") == realm:
            return _judge(fields, message.method, username, password, now)
    return Verdict.ABSENT


def _judge(fields: dict[str, str], method: str, username: str, password: str, now: float) -> Verdict:
    algorithm = _ALGORITHMS.get(fields.get("algorithm", "MD5").upper())
    if algorithm is None:
        return Verdict.WRONG
    expected = _response(fields, algorithm, method, username, password)
    given = fields.get("response", "")
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        return Verdict.WRONG
    stamp = fields.get("nonce", "").partition(".")[0]
    if not stamp.isascii() or not stamp.isdigit():
        return Verdict.STALE
    made = int(stamp[:_STAMP_DIGITS_AT_MOST])
    genuine = hmac.compare_digest(_nonce(made, password).encode(), fields["nonce"].encode("utf-8", "replace"))
    return Verdict.GOOD if genuine and 0 <= now - made <= _NONCE_SECONDS else Verdict.STALE


_STAMP_DIGITS_AT_MOST = 12


def _response(fields: dict[str, str], algorithm: str, method: str, username: str, password: str) -> str:
    def digest(text: str) -> str:
        return hashlib.new(algorithm, text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()

    first = digest(f"{username}:{fields.get('realm', '')}:{password}")
    second = digest(f"{method}:{fields.get('uri', '')}")
    if "qop" not in fields:
        return digest(f"{first}:{fields.get('nonce', '')}:{second}")
    middle = ":".join(fields.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
    return digest(f"{first}:{middle}:{second}")


def _nonce(stamp: int, password: str) -> str:
    proof = hmac.new(password.encode(), f"nonce {stamp}".encode(), hashlib.sha256).hexdigest()[:32]
    return f"{stamp}.{proof}"
