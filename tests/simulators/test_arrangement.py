# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a rehearsal: the user's own where it fits, else a copy that does, never an edit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from agent.core.methods import Method, OnFailure
from agent.core.model import Project
from agent.core.records import Way
from agent.settings import load
from agent.simulators.arrangement import QUEUE, arranged, queue_of
from agent.simulators.combination import Combination

EXAMPLE = Path(__file__).parents[2] / "config"
CARE = Path("projects/acme-care.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "own"))


def arrange(folder: Path, shown: Combination) -> tuple[Path, Project]:
    """Where the configuration is, and its project as it is read from there."""
    own = load(folder)
    place = arranged(folder, own, own.projects["acme-care"], shown, folder.parent / "copy")
    return place, load(place).projects["acme-care"]


def edit(folder: Path, **handoff: object) -> None:
    document = yaml.safe_load((folder / CARE).read_text())
    document["handoff"] = {**document["handoff"], **handoff}
    (folder / CARE).write_text(yaml.safe_dump(document))


def test_what_says_it_already_is_used_as_it_is(folder: Path) -> None:
    assert arrange(folder, Combination())[0] == folder


@pytest.mark.parametrize("back", [Method.REFER, Method.BRIDGE])
def test_the_way_back_is_put_into_a_copy_with_a_target_on_this_machine(folder: Path, back: Method) -> None:
    before = (folder / CARE).read_text()
    place, project = arrange(folder, Combination(back=back))
    assert place != folder
    assert (project.handoff.method, [one.uri for one in project.handoff.all_targets]) == (back, [QUEUE])
    assert (folder / CARE).read_text() == before


def test_the_rest_of_the_copy_is_the_user_s(folder: Path) -> None:
    own = load(folder)
    place, project = arrange(folder, Combination(back=Method.BRIDGE))
    copy = load(place)
    assert copy.agent.storage == own.agent.storage
    assert copy.carriers == own.carriers
    assert project.cxone == own.projects["acme-care"].cxone
    assert (place / "numbers/acme.yaml").resolve() == (folder / "numbers/acme.yaml").resolve()


def test_policy_and_prompt_are_put_in_where_they_are_asked_for(folder: Path) -> None:
    shown = Combination(on_signal_failure=OnFailure.KEEP, finish_prompt=True)
    handoff = arrange(folder, shown)[1].handoff
    assert handoff.on_signal_failure == "keep"
    assert handoff.finish_prompt is not None


def test_a_target_elsewhere_is_never_called(folder: Path) -> None:
    edit(folder, method="bridge", target="sip:queue@198.51.100.7:5060")
    assert [one.uri for one in arrange(folder, Combination(back=Method.BRIDGE))[1].handoff.all_targets] == [
        QUEUE
    ]


def test_a_target_on_this_machine_is_kept(folder: Path) -> None:
    edit(folder, target="sip:queue@127.0.0.1:5099")
    project = arrange(folder, Combination(on_signal_failure=OnFailure.REFER))[1]
    assert queue_of(project) == "sip:queue@127.0.0.1:5099"


def test_headers_of_the_project_s_own_give_way_to_those_that_the_voice_agent_uses(folder: Path) -> None:
    edit(folder, headers={"destination": "X-Where-To"})
    assert (
        arrange(folder, Combination(ask=Way.BYE))[1].handoff.headers["destination"] == "X-Handoff-Destination"
    )
    assert arrange(folder, Combination())[1].handoff.headers["destination"] == "X-Where-To"


def test_a_codec_that_would_change_what_is_heard_gives_way(folder: Path) -> None:
    agent = folder / "agent.yaml"
    agent.write_text(agent.read_text().replace("[PCMU, PCMA, G722, opus]", "[G722, PCMU]"))
    place, _ = arrange(folder, Combination())
    assert load(place).agent.media.codecs == ("PCMU", "PCMA")


def test_a_log_in_to_operations_gives_way_to_loopback(folder: Path) -> None:
    agent = folder / "agent.yaml"
    document = yaml.safe_load(agent.read_text())
    token = {"name": "ana", "token": "sha256:" + "1f" * 32}
    document["http"] |= {"operations": "0.0.0.0:8081", "operations_auth": {"tokens": [token]}}
    agent.write_text(yaml.safe_dump(document))
    place, _ = arrange(folder, Combination())
    http = load(place).agent.http
    assert (str(http.operations), http.operations_auth) == ("127.0.0.1:8081", None)
    assert load(folder).agent.http.operations_auth is not None
