# SPDX-License-Identifier: GPL-3.0-or-later
"""What spreadsheets make of phone numbers, told as what it is."""

from __future__ import annotations

import re
from typing import Final

_ROUNDED: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+")
_FRACTION: Final = re.compile(r"([0-9]+)[.,]0+")
_DATE: Final = re.compile(
    r"[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}|[0-9]{1,2}[-. ][A-Za-z]{3,9}\.?|[A-Za-z]{3,9}\.?[- ][0-9]{1,2}"
)
_MARKED: Final = re.compile(r"""=?\s*["']*([+0-9*\- ]+)["']*""")
_AS_TEXT: Final = "set the column to text in the spreadsheet, and enter the number again"


def mangled(text: str) -> str | None:
    """Words for what a spreadsheet has left where a number was; None when it is something else."""
    if _ROUNDED.fullmatch(text):
        return f"{text} is a number that a spreadsheet has rounded, its last digits are lost: {_AS_TEXT}"
    if match := _FRACTION.fullmatch(text):
        return f"{text} is a number written as a fraction: write {match[1]}, and look for lost zeros in front"
    if _DATE.fullmatch(text):
        return f"{text} is a date, which a spreadsheet makes of a text such as 1-2: {_AS_TEXT}"
    if text.startswith("#"):
        return f"{text} is no number: a CSV has no remarks, and a spreadsheet's errors begin so, too"
    if text.startswith(("=", "'", '"')) and (match := _MARKED.fullmatch(text)):
        return f"{text} is marked as text for a spreadsheet: write {match[1].strip()}"
    odd = next((one for one in text if not one.isprintable()), None)
    if odd is not None:
        return f"an invisible character (U+{ord(odd):04X}) stands in this cell: enter the number again"
    return None
