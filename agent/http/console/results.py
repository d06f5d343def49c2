# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a reload, or would become of an edit, in words and colours."""

from __future__ import annotations

from typing import Final

KINDS: Final = {
    "loaded": "good",
    "would_load": "good",
    "unchanged": "good",
    "held": "warn",
    "back": "warn",
    "refused": "bad",
}
"""Result → good, warn or bad."""
SAID: Final = {
    "loaded": "The configuration on disk is in force now.",
    "unchanged": "Nothing changed: what is on disk was in force already.",
    "held": "It takes more of the number map away than is let go unasked: confirm it, or undo the edit.",
    "back": "A rollout took it back: the configuration before it is in force again.",
    "refused": "It has mistakes: the configuration before it stays in force.",
}
"""What became of a reload."""
WOULD: Final = {
    "would_load": "It would come into force. This is what it changes:",
    "unchanged": "It would change nothing.",
    "held": "It would be held until somebody confirms it.",
    "refused": "It has mistakes: a reload would refuse it, and what is in force would stay.",
}
"""What would become of an edit."""
