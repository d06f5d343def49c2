# SPDX-License-Identifier: GPL-3.0-or-later
"""Digest access authentication of a caller (RFC 3261 section 22, RFC 7616, RFC 8760).

A nonce is a time and its HMAC under a secret that only this process has: it tells nothing of a password, and
nothing has to be kept until somebody with the right password has used it. What was used is remembered until
the nonce is too old, so that nobody can send the same again.

Behind a balancer each agent takes its own nonces only. One that another agent made is stale here: its caller
is challenged anew and answers by itself (RFC 7616 section 3.3), so a balancer that keeps a Call-ID on one
agent is all that is needed, and what was used on one agent can't be used on another.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from urllib.parse import unquote

from agent.core.headers import Message
from agent.core.units import SIP_PORTS

_NONCE_SECONDS: Final = 300
_FIELD = re.compile(r'(?<!\w)(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_ALGORITHMS: Final = {"MD5": "md5", "SHA-256": "sha256"}
_COUNT = re.compile(r"[0-9a-fA-F]{8}", re.ASCII)
_URI = re.compile(
    r"(sips?):(?:([^@]*)@)?(\[[^\]]*\]|[^@:;?\[\]]*)(?::(\d{1,5}))?([;?][^@]*)?", re.IGNORECASE | re.ASCII
)
_STAMP_DIGITS_AT_MOST: Final = 12
_WINDOW: Final = 1024
"""How many counts of one nonce may overtake each other: INVITEs of one trunk on UDP."""


class Verdict(Enum):
    """What an Authorization header is worth."""

    GOOD = "good"
    ABSENT = "absent"
    WRONG = "wrong"
    OTHER_URI = "for another URI than the request's"
    STALE = "stale"
    REPLAYED = "sent before"


@dataclass(slots=True)
class _Used:
    """The counts of one nonce that were used: the highest, and a bit for each of those just below it."""

    since: float
    highest: int = -1
    bits: int = 0

    def take(self, count: int) -> bool:
        """Use a count; False if it was used, or is so old that nobody knows."""
        if count > self.highest:
            self.bits = (self.bits << min(count - self.highest, _WINDOW) | 1) & ((1 << _WINDOW) - 1)
            self.highest = count
            return True
        bit = 1 << (self.highest - count)
        if self.highest - count >= _WINDOW or self.bits & bit:
            return False
        self.bits |= bit
        return True


@dataclass(slots=True)
class Nonces:
    """The nonces of one process: made, recognised, and used once for each count.

    Attributes:
        secret: what they are keyed by.
    """

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _used: dict[tuple[str, str], _Used] = field(default_factory=dict, init=False, repr=False)

    def new(self, realm: str, now: float) -> str:
        """A nonce, never made before; ``now`` is in seconds since the epoch."""
        return self._of(int(now), secrets.token_hex(4), realm)

    def fresh(self, nonce: str, realm: str, now: float) -> bool:
        """Whether it is one of ours and not too old."""
        stamp, _, rest = nonce.partition(".")
        if not stamp.isascii() or not stamp.isdigit():
            return False
        made = int(stamp[:_STAMP_DIGITS_AT_MOST])
        ours = self._of(made, rest.partition(".")[0], realm)
        genuine = hmac.compare_digest(ours.encode("utf-8", "replace"), nonce.encode("utf-8", "replace"))
        return genuine and 0 <= now - made <= _NONCE_SECONDS

    def take(self, nonce: str, client: str, count: int, now: float) -> bool:
        """Use a fresh nonce; False if that was done before.

        Args:
            nonce: as it came.
            client: whose count it is.
            count: ``nc``; 0 where there is none.
            now: the time.
        """
        key = nonce, client
        used = self._used.get(key)
        if used is None:
            while self._used and now - next(iter(self._used.values())).since > _NONCE_SECONDS:
                del self._used[next(iter(self._used))]  # the oldest stand first
            used = self._used[key] = _Used(now)
        return used.take(count)

    def _of(self, stamp: int, salt: str, realm: str) -> str:
        told = f"nonce {stamp} {salt} {realm}".encode("utf-8", "replace")
        return f"{stamp}.{salt}.{hmac.new(self.secret, told, hashlib.sha256).hexdigest()[:32]}"


def challenge(nonces: Nonces, realm: str, now: float, *, stale: bool = False) -> str:
    """The value of a WWW-Authenticate header. `now` is in seconds since the epoch.

    MD5 is named since it is what SIP trunks still speak (RFC 3261 section 22.4).
    """
    mark = ", stale=true" if stale else ""
    return f'Digest realm="{realm}", nonce="{nonces.new(realm, now)}", algorithm=MD5, qop="auth"{mark}'


def verify(
    message: Message, nonces: Nonces, realm: str, username: str, password: str, *, now: float
) -> Verdict:
    """Check a request's Authorization header of this realm; every comparison is constant-time.

    One that is good counts as used: the same again is `Verdict.REPLAYED`.
    """
    for value in message.all("authorization"):
        scheme, _, rest = value.partition(" ")
        fields = {name.lower(): quoted or bare for name, quoted, bare in _FIELD.findall(rest)}
        if scheme.lower() == "digest" and fields.get("realm") == realm:
            return _judge(fields, message, nonces, username, password, now=now)
    return Verdict.ABSENT


def _judge(
    fields: dict[str, str], message: Message, nonces: Nonces, username: str, password: str, *, now: float
) -> Verdict:
    algorithm = _ALGORITHMS.get(fields.get("algorithm", "MD5").upper())
    counted = "qop" in fields
    if algorithm is None or (counted and not _COUNT.fullmatch(fields.get("nc", ""))):
        return Verdict.WRONG
    expected = _response(fields, algorithm, message.method, username, password)
    given = fields.get("response", "")
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        return Verdict.WRONG
    if not _same_uri(fields.get("uri", ""), message.request_uri):
        return Verdict.OTHER_URI
    nonce = fields.get("nonce", "")
    if not nonces.fresh(nonce, fields["realm"], now):
        return Verdict.STALE
    # Several dialogs of one caller may use a nonce; each has a cnonce, and counts by itself.
    client, count = (fields.get("cnonce", ""), int(fields["nc"], 16)) if counted else (given, 0)
    return Verdict.GOOD if nonces.take(nonce, client, count, now) else Verdict.REPLAYED


def _response(fields: dict[str, str], algorithm: str, method: str, username: str, password: str) -> str:
    def digest(text: str) -> str:
        return hashlib.new(algorithm, text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()

    first = digest(f"{username}:{fields.get('realm', '')}:{password}")
    second = digest(f"{method}:{fields.get('uri', '')}")
    if "qop" not in fields:
        return digest(f"{first}:{fields.get('nonce', '')}:{second}")
    middle = ":".join(fields.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
    return digest(f"{first}:{middle}:{second}")


def _same_uri(one: str, other: str) -> bool:
    """Whether two URIs mean the same user at the same place (RFC 3261 sections 19.1.4 and 22.4).

    Parameters are left out of it: a proxy on the way adds and takes them.
    """
    if one == other:
        return bool(one)
    found = _URI.fullmatch(one), _URI.fullmatch(other)
    return None not in found and len({_place(each) for each in found if each is not None}) == 1


def _place(uri: re.Match[str]) -> tuple[str, str, str, int]:
    scheme, user, host, port, _ = uri.groups()
    usual = SIP_PORTS["tls" if scheme.lower() == "sips" else "udp"]
    return scheme.lower(), unquote(user or ""), host.lower(), int(port or usual)
