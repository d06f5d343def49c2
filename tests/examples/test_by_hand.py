# SPDX-License-Identifier: GPL-3.0-or-later
"""The call by hand of sip_scenarios/README.md is one that the example configuration takes."""

from __future__ import annotations

import re
from pathlib import Path

from agent.settings import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "sip_scenarios" / "README.md").read_text(encoding="utf-8")


def test_it_has_number_token_and_target_of_the_example_configuration() -> None:
    snapshot = load(ROOT / "config")
    rule = snapshot.numbers.match(re.findall(r"-key number (\d+)", PAGE)[0])
    assert rule is not None
    project = snapshot.projects[rule.projects[0]]
    assert project.token is not None
    assert re.findall(r"X-PolyAi-Auth-Token: ([\w-]+)'", PAGE) == [project.token.get_secret_value()]
    port = re.findall(r"voice_agents/answers.xml .* -p (\d+)", PAGE)[0]
    assert [target.uri for target in project.voice_agent.targets] == [f"sip:bot@127.0.0.1:{port}"]
