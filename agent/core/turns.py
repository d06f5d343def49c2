# SPDX-License-Identifier: GPL-3.0-or-later
"""Who speaks when in a test call: told of the far end's loudness again and again. Pure.

That it hears is known from one thing alone: it was quiet when we had finished, had not begun to speak
while we did, and then spoke. What sounds at the same time as we do may be talk that goes on whatever we say.
"""

from __future__ import annotations

from typing import Final

LOUD: Final = 150
"""Mean amplitude of a frame (of 32767) from which on it is sound: above comfort noise, below any speech."""
PAUSE_SECONDS: Final = 0.8
"""Quiet for so long, the far end has finished: longer than a pause between two sentences."""


class Turns:
    """What the far end has said so far.

    Args:
        began: when it could be heard, in seconds of any clock that `hear` is told too.

    Attributes:
        first: when the first sound came; None while there was none.
    """

    def __init__(self, began: float) -> None:
        self.first: float | None = None
        self._began = began
        self._last: float | None = None
        self._speaking = False
        self._broke_in = False  # it began to speak while we did
        self._spoken: float | None = None  # when we had finished
        self._answer: float | None = None
        self._open = False

    def hear(self, now: float, level: int) -> None:
        """The far end was so loud just now."""
        if level < LOUD:
            return
        self.first = now if self.first is None else self.first
        self._broke_in |= self._speaking and self._quiet(now)
        self._last = now
        if self._spoken is not None and self._answer is None:
            self._answer = now

    def paused(self, now: float) -> bool:
        """Whether it has spoken and is quiet."""
        return self._last is not None and now - self._last >= PAUSE_SECONDS

    def speak(self) -> None:
        """We begin to speak; what was known of an answer to what we said before is void."""
        self._speaking, self._broke_in = True, False
        self._spoken = self._answer = None

    def spoke(self, now: float) -> None:
        """We have finished speaking; whether it was quiet by then decides what can be told of its answer."""
        self._open = self._quiet(now) and not self._broke_in
        self._speaking = False
        self._spoken = now

    def settled(self, now: float) -> bool:
        """Whether there is nothing to wait for: it has answered, or it talked on and is quiet now."""
        return self._answer is not None if self._open else self.paused(now)

    @property
    def talked_on(self) -> bool:
        """Whether it spoke while we did, so that nothing can be told of its answer."""
        return self._spoken is not None and not self._open

    @property
    def first_audio(self) -> float | None:
        """Seconds until its first sound."""
        return None if self.first is None else self.first - self._began

    @property
    def response_gap(self) -> float | None:
        """Seconds from the end of our speech to its next sound; None without one, or where it talked on."""
        if self._spoken is None or self._answer is None or not self._open:
            return None
        return self._answer - self._spoken

    def _quiet(self, now: float) -> bool:
        return self._last is None or now - self._last >= PAUSE_SECONDS / 2
