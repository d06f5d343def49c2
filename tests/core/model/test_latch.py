# SPDX-License-Identifier: GPL-3.0-or-later
"""From whom RTP is taken: nobody but the signalled host, unless somebody says so."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from agent.core.model import Carrier, Latch, Media, Target


def test_by_default_it_is_the_signalled_host_alone() -> None:
    carrier = Carrier.model_validate({"sources": ["192.0.2.1"]})
    target = Target(uri="sip:bot@192.0.2.2")
    assert Media().latch_of(nat=carrier.nat) == Media().latch_of(nat=target.nat) == "strict"


@pytest.mark.parametrize(("latch", "behind_nat"), [("strict", "once"), ("once", "once"), ("off", "off")])
def test_a_peer_behind_nat_is_learned_once(latch: Latch, behind_nat: Latch) -> None:
    media = Media(latch=latch)
    assert (media.latch_of(nat=False), media.latch_of(nat=True)) == (latch, behind_nat)


def test_there_is_no_other_policy() -> None:
    with pytest.raises(ValidationError, match="strict"):
        Media.model_validate({"latch": "yes"})
