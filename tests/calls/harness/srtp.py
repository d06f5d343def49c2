# SPDX-License-Identifier: GPL-3.0-or-later
"""SRTP by hand (RFC 3711, AES_CM_128_HMAC_SHA1_80): one direction, while its sequence numbers do not wrap."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

_HEADER, _TAG = 12, 10
_ROLL_OVER = bytes(4)
_KEY = re.compile(r"a=crypto:\d+ AES_CM_128_HMAC_SHA1_80 +inline:([A-Za-z0-9+/=]+)")


def _stream(key: bytes, counter: int, size: int) -> bytes:
    encryptor = Cipher(AES(key), CTR(counter.to_bytes(16, "big"))).encryptor()
    return encryptor.update(bytes(size))


class Srtp:
    """What one master key makes of packets.

    Args:
        master: key and salt in base64, as a=crypto has them behind ``inline:``.
    """

    def __init__(self, master: str) -> None:
        raw = base64.b64decode(master)
        key, salt = raw[:16], int.from_bytes(raw[16:], "big")
        self._key, self._auth, derived = (
            _stream(key, (salt ^ label << 48) << 16, size) for label, size in enumerate((16, 20, 14))
        )
        self._salt = int.from_bytes(derived, "big")

    @classmethod
    def of(cls, sdp: str) -> Srtp:
        """That of the key which an SDP names: its sender's."""
        found = _KEY.search(sdp)
        assert found is not None, sdp
        return cls(found[1])

    def protect(self, packet: bytes) -> bytes:
        """An RTP packet as it goes over the wire."""
        coded = packet[:_HEADER] + self._cipher(packet)
        return coded + self._tag(coded)

    def unprotect(self, packet: bytes) -> bytes:
        """The RTP packet within; it fails where it is not authentic."""
        coded, tag = packet[:-_TAG], packet[-_TAG:]
        assert hmac.compare_digest(tag, self._tag(coded)), "authentic"
        return coded[:_HEADER] + self._cipher(coded)

    def _cipher(self, packet: bytes) -> bytes:
        sequence, ssrc = int.from_bytes(packet[2:4], "big"), int.from_bytes(packet[8:12], "big")
        counter = self._salt << 16 ^ ssrc << 64 ^ sequence << 16
        payload = packet[_HEADER:]
        mask = _stream(self._key, counter, len(payload))
        return bytes(one ^ other for one, other in zip(payload, mask, strict=True))

    def _tag(self, coded: bytes) -> bytes:
        return hmac.new(self._auth, coded + _ROLL_OVER, hashlib.sha1).digest()[:_TAG]
