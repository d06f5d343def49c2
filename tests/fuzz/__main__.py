# SPDX-License-Identifier: GPL-3.0-or-later
"""``make fuzz``: the long form, the same each time.

make fuzz ARGS="--seed 7 --count 500"    other cases
make fuzz ARGS="--only 100-123"          some of them: again, in this order, on a fresh agent
make fuzz ARGS="--all"                   with the shapes that are left out (tests/fuzz/known.py)
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.fuzz.rig import Rig
from tests.fuzz.run import fuzz, say, torture

SEED = 4475
COUNT = 5000


def _numbers(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


async def _run(options: argparse.Namespace) -> int:
    folder = Path(tempfile.mkdtemp(prefix="handoff-fuzz-"))
    rig = Rig(folder)
    say(f"seed {options.seed}; the agent's log: {rig.log}")
    async with rig.there():
        found = [] if options.only else await torture(rig)
        numbers = options.only or range(options.count)
        found += await fuzz(rig, options.seed, numbers, everything=options.all)
    say(f"{len(found)} found" if found else "all well")
    return 1 if found else 0


def main() -> int:
    """Parse the command line and run; 1 if anything was found."""
    parser = argparse.ArgumentParser(
        prog="make fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=SEED, help=f"what all choices come from ({SEED})")
    parser.add_argument("--count", type=int, default=COUNT, help=f"how many cases ({COUNT})")
    parser.add_argument("--only", type=_numbers, metavar="N[-M]", help="only the cases with these numbers")
    parser.add_argument("--all", action="store_true", help="leave no known shape out (tests/fuzz/known.py)")
    return asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
