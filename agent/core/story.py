# SPDX-License-Identifier: GPL-3.0-or-later
"""How those lines of a call's story begin that `handoff-agent explain` and traces look for."""

from __future__ import annotations

from typing import Final

ADMITTED: Final = "admitted: "
DIALLED: Final = "dial "
GIVEN_BACK: Final = "the caller is given back by "
REFERRED: Final = "refer the caller to "
REFUSED: Final = "refused"
TIMER: Final = "timer "
NO_RTP: Final = "no RTP from "
LOST: Final = "the leg is lost: "
NO_ANSWER: Final = "no answer: "
ASKED_WITHIN: Final = "the voice agent asks within its trace: "
