# SPDX-License-Identifier: GPL-3.0-or-later
"""How those are slowed who try keys and tokens, and nobody else at their address."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from agent.core.rate import Buckets

_ADDRESSES: Final = 4096


class Guesses:
    """What each address may guess.

    An address whose guesses are used up gets no answer about any secret, right or wrong, except those that it
    showed before: else a guess would still be answered, and a neighbour's guesses would shut others out.

    Args:
        per_second: that come back to an address.
        at_once: that it has to begin with.
    """

    def __init__(self, per_second: float, at_once: float) -> None:
        self._left: Buckets[str] = Buckets(per_second, at_once, _ADDRESSES)
        self._shown: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def wait(self, address: str, digest: bytes | None, now: float) -> float:
        """Seconds until a secret may be judged; 0.0 for now.

        Args:
            address: whom it comes from, as `agent.http.addresses.network` has it.
            digest: of the secret; None where there is none.
            now: seconds that never run backwards.
        """
        known = digest is not None and (address, digest) in self._shown
        return 0.0 if known else self._left.wait(address, now)

    def missed(self, address: str, now: float) -> float:
        """Count a wrong one; the seconds until one may be answered again, 0.0 where this one may be."""
        return self._left.take(address, now)

    def hit(self, address: str, digest: bytes) -> None:
        """Remember a right one."""
        self._shown[address, digest] = None
        self._shown.move_to_end((address, digest))
        if len(self._shown) > _ADDRESSES:
            self._shown.popitem(last=False)
