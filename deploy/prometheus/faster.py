#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes rules whose times pass faster, to see an alert fire without waiting for it.

``deploy/prometheus/faster.py 60 < alerts.yaml > faster.yaml`` makes a minute of an hour, in every ``for``,
range and offset. Let the Prometheus of a rehearsal scrape and evaluate as much more often.
"""

from __future__ import annotations

import re
import sys
from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TIME: Final = re.compile(r"(?P<before>\bfor: |\[|\boffset )(?P<number>[0-9]+)(?P<unit>[smhd])\b")


def faster(rules: str, factor: float) -> str:
    """The same rules with every time divided by a factor; a millisecond is the least."""

    def shorter(found: re.Match[str]) -> str:
        seconds = int(found["number"]) * _SECONDS[found["unit"]]
        return f"{found['before']}{max(1, round(seconds * 1000 / factor))}ms"

    return _TIME.sub(shorter, rules)


def main(arguments: list[str]) -> int:
    """Rules on standard input to faster ones on standard output. Returns the exit code."""
    try:
        (factor,) = map(float, arguments)
    except ValueError:
        factor = 0.0
    if factor <= 0:
        sys.stderr.write("usage: faster.py FACTOR < alerts.yaml, such as faster.py 60\n")
        return 2
    sys.stdout.write(faster(sys.stdin.read(), factor))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
