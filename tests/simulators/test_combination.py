# SPDX-License-Identifier: GPL-3.0-or-later
"""Which handoffs there are, and what becomes of the caller in each."""

from __future__ import annotations

import pytest

from agent.core.methods import Method, OnFailure
from agent.core.records import Way
from agent.simulators.combination import Combination


@pytest.mark.parametrize("ask", list(Way))
@pytest.mark.parametrize("back", list(Method))
def test_each_way_to_ask_goes_with_each_way_back(ask: Way, back: Method) -> None:
    shown = Combination(ask, back)
    assert shown.impossible() == ""
    assert (shown.refers, shown.bridges, shown.kept) == (back == "refer", back == "bridge", False)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (Combination(Way.BYE, finish_prompt=True), "--finish-prompt"),
        (Combination(Way.BYE, on_signal_failure=OnFailure.KEEP), "can't keep the caller"),
        (Combination(refer_refused=True), "--refuse-refer"),
        (
            Combination(back=Method.REFER, on_signal_failure=OnFailure.KEEP, refer_refused=True),
            "no REFER is sent",
        ),
    ],
)
def test_what_can_t_happen_is_told(shown: Combination, words: str) -> None:
    assert words in shown.impossible()


@pytest.mark.parametrize("back", list(Method))
def test_when_the_signal_fails_the_policy_counts_before_the_method(back: Method) -> None:
    failed = {policy: Combination(back=back, on_signal_failure=policy) for policy in OnFailure}
    refer, keep, release = (failed[policy] for policy in (OnFailure.REFER, OnFailure.KEEP, OnFailure.RELEASE))
    assert (refer.refers, refer.bridges, refer.kept) == (True, False, False)
    assert (keep.refers, keep.bridges, keep.kept) == (False, False, True)
    assert (release.refers, release.bridges, release.kept) == (back == "refer", back == "bridge", False)
