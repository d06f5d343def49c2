# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes of ``handoff-agent check``: what is no mistake and seldom meant."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]
EXAMPLE = Path(__file__).parents[2] / "config"
PROJECT = "project: extra\naccount: acme\nvoice_agent: {targets: [{uri: 'sip:bot@10.0.0.5'}]}\n"
TENANT = (
    "cxone: {business_unit: 'acme', client_id: c, client_secret: '${file:secrets/acme_api_key}', "
    "access_key_id: k, access_key_secret: '${file:secrets/acme_api_key}'}\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = Path(shutil.copytree(EXAMPLE, tmp_path / "config"))
    for secret in (made / "secrets").iterdir():
        secret.chmod(0o600)
    return made


@pytest.fixture
def noted(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    def told() -> list[str]:
        assert run("check", "--json", "--config", str(folder)) == 0
        found: list[str] = json.loads(capsys.readouterr().out)["notes"]
        return [note for note in found if "ip_local_port_range" not in note]

    return told


_AUTH = "{tokens: [{name: ana, token: 'sha256:" + "1f" * 32 + "'}]}"
Noted = Callable[[], list[str]]


def test_the_example_deserves_none(noted: Noted, folder: Path) -> None:
    agent = (folder / "agent.yaml").read_text(encoding="utf-8")
    assert [note for note in noted() if "token_header" not in note] == [], agent


@pytest.mark.parametrize(
    ("file", "text", "note"),
    [
        (
            "agent.yaml",
            f"node: e\nhttp: {{operations: '0.0.0.0:8081', operations_auth: {_AUTH}}}\n",
            "http.operations listens on 0.0.0.0:8081, where others than this site may reach it",
        ),
        (
            "agent.yaml",
            f"node: e\nhttp: {{operations: '8.8.8.8:8081', operations_auth: {_AUTH}}}\n",
            "http.operations listens on 8.8.8.8:8081, where others than this site may reach it",
        ),
        ("agent.yaml", "node: e\nlimits: {ring: 1h}\n", "agent.yaml: limits.ring is 3600 s; more than 180 s"),
        (
            "carriers.yaml",
            "carriers: {one: {sources: [0.0.0.0/0], token_header: X-T}}\n",
            "carrier one takes calls from everywhere (0.0.0.0/0): name its addresses",
        ),
        (
            "carriers.yaml",
            "carriers: {one: {sources: ['::/0'], token_header: X-T}}\n",
            "carrier one takes calls from everywhere (::/0): name its addresses",
        ),
        (
            "numbers/all.yaml",
            'numbers: {"*": acme-care}\n',
            "{folder}/numbers/all.yaml:1: * takes every number",
        ),
        (
            "projects/extra.yaml",
            PROJECT.replace("10.0.0.5", "127.0.0.1:5060"),
            "project extra: voice_agent target sip:bot@127.0.0.1:5060 is this agent itself",
        ),
        (
            "projects/extra.yaml",
            PROJECT.replace("}]", "}, {uri: 'sip:bot@10.0.0.5:5060'}]"),
            "project extra: voice_agent has sip:bot@10.0.0.5:5060 twice",
        ),
        (
            "projects/extra.yaml",
            PROJECT.replace("}]}", "}], headers: {X-Brand: '{label.brnad}'}}"),
            "project extra: {label.brnad} is always empty, no rule that leads there sets it",
        ),
        (
            "projects/extra.yaml",
            PROJECT + "handoff: {deadline: 60s}\n",
            "project extra: handoff.deadline is 60 s; more than 15 s is seldom meant",
        ),
        (
            "projects/extra.yaml",
            PROJECT + TENANT,
            "project extra: business_unit 'acme' is no number, as NICE's are",
        ),
        (
            "projects/extra.yaml",
            PROJECT.replace("10.0.0.5", "10.0.0.5;transport=tls"),
            "project extra: voice_agent target sip:bot@10.0.0.5;transport=tls can't be called: sip.listen",
        ),
        (
            "projects/extra.yaml",
            PROJECT.replace("10.0.0.5", "[2001:db8::5]"),
            "project extra: voice_agent target sip:bot@[2001:db8::5] can't be called: sip.listen has no udp:",
        ),
        (
            "projects/extra.yaml",
            PROJECT + "handoff: {method: bridge, target: 'sip:q@q.example.org;transport=tls'}\n",
            "project extra: handoff target sip:q@q.example.org;transport=tls can't be called",
        ),
        (
            "projects/extra.yaml",
            PROJECT + "limits: {calls: 1001}\n",
            "project extra: limits.calls 1001 is more than the node takes, 1000",
        ),
        (
            "projects/extra.yaml",
            PROJECT + "handoff: {finish_prompt: {silence: 2s, at_most: 500ms}}\n",
            "project extra: handoff.finish_prompt.silence 2 s is longer than at_most 0.5 s",
        ),
        (
            "projects/extra.yaml",
            PROJECT.replace("}]}", "}], headers: {X-Brand: a, x-brand: b}}"),
            "project extra: voice_agent.headers has X-Brand and x-brand, which are one header to SIP",
        ),
        (
            "projects/extra.yaml",
            PROJECT.replace("}]}", "}], pass_headers: [X-Brand, X-BRAND]}"),
            "project extra: voice_agent.pass_headers has X-Brand and X-BRAND, which are one header to SIP",
        ),
        ("numbers/acme.yaml", "numbers: {}\n", "no number leads to a project: every call is refused"),
        (
            "carriers.yml",
            "carriers: {}\n",
            "{folder}/carriers.yml is not read: only agent.yaml, carriers.yaml,",
        ),
        ("number/acme.yaml", "numbers: {}\n", "{folder}/number/acme.yaml is not read"),
        ("numbers/eu/acme.yaml", "numbers: {}\n", "{folder}/numbers/eu/acme.yaml is not read"),
        ("numbers/acme.YAML", "numbers: {}\n", "{folder}/numbers/acme.YAML is not read"),
        ("projects/old.json", "{}\n", "{folder}/projects/old.json is not read"),
    ],
)
def test_what_is_seldom_meant_is_noted(noted: Noted, folder: Path, file: str, text: str, note: str) -> None:
    before = noted()
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(text, encoding="utf-8")
    (found,) = set(noted()) - set(before)
    assert found.startswith(note.replace("{folder}", str(folder)))


def test_where_a_refer_leads_needs_no_listener(noted: Noted, folder: Path) -> None:
    before = noted()
    handoff = "handoff: {method: refer, target: 'sip:q@q.example.org;transport=tls'}\n"
    (folder / "projects/extra.yaml").write_text(PROJECT + handoff, encoding="utf-8")
    assert noted() == before


def test_a_label_that_a_rule_sets_is_none(noted: Noted, folder: Path) -> None:
    before = noted()
    text = PROJECT.replace("}]}", "}], headers: {X-Brand: '{label.brand}'}}")
    (folder / "projects/extra.yaml").write_text(text, encoding="utf-8")
    (folder / "numbers/extra.yaml").write_text(
        'numbers: {"77": {project: extra, labels: {brand: x}}}\n', encoding="utf-8"
    )
    assert noted() == before


def test_a_secret_that_everybody_can_read_is_noted_once(noted: Noted, folder: Path) -> None:
    before = noted()
    (folder / "secrets/acme_api_key").chmod(0o644)
    (found,) = set(noted()) - set(before)
    assert found == f"{folder}/secrets/acme_api_key can be read by every user of this machine: chmod o-r"
