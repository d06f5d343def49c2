# SPDX-License-Identifier: GPL-3.0-or-later
"""What an edit changes, in numbers, names and keys."""

from __future__ import annotations

from dataclasses import replace

from pydantic import SecretStr

from agent.core.frozen import FrozenDict
from agent.core.model import Agent, Carrier, Project, Snapshot
from agent.core.moments import Moment
from agent.core.number_map import NumberMap
from agent.core.numbers import NumberRule
from agent.settings import NumberMove, as_it_runs, changes, restart_needed


def snapshot(
    rules: dict[str, str], agent: dict[str, object] | None = None, projects: dict[str, int] | None = None
) -> Snapshot:
    """A snapshot with these rules (pattern: project), agent.yaml and projects (name: limit)."""
    made = {
        name: Project.model_validate(
            {
                "project": name,
                "account": "acme",
                "voice_agent": {"targets": [{"uri": "sip:bot@10.0.0.5"}]},
                "limits": {"calls": limit},
            }
        )
        for name, limit in (projects or {"care": 1, "sales": 1}).items()
    }
    return Snapshot(
        agent=Agent.model_validate({"node": "edge-1"} | (agent or {})),
        carriers=FrozenDict({"one": Carrier.model_validate({"sources": ["192.0.2.0/24"]})}),
        unknown_source="drop",
        projects=FrozenDict(made),
        numbers=NumberMap(
            NumberRule(pattern, (project.rstrip("+"),), FrozenDict({"brand": "x"} if "+" in project else {}))
            for pattern, project in rules.items()
        ),
        fingerprint="",
    )


def test_the_same_configuration_changes_nothing() -> None:
    assert list(changes(snapshot({"1": "care"}), snapshot({"1": "care"})).lines()) == []


def test_numbers_that_move_appear_and_go_are_told_apart() -> None:
    old = snapshot({"100": "care", "101": "care", "2*": "care"})
    new = snapshot({"100": "sales", "102": "care", "2*": "care"})
    found = changes(old, new)
    assert found.moved == (NumberMove("100", ("care",), ("sales",)),)
    assert found.appeared == ("102",)
    assert found.gone == ("101",)


def test_a_new_rule_within_an_old_one_moves_its_numbers_and_shadows_it() -> None:
    found = changes(snapshot({"100-199": "care"}), snapshot({"100-199": "care", "150": "sales"}))
    assert found.moved == (NumberMove("150", ("care",), ("sales",)),)
    assert found.shadowed == (("100-199", "150"),)
    assert found.appeared == ()


def test_a_rule_that_goes_leaves_its_numbers_to_the_wider_one() -> None:
    found = changes(snapshot({"1*": "care", "12*": "sales"}), snapshot({"1*": "care"}))
    assert found.moved == (NumberMove("12*", ("sales",), ("care",)),)
    assert found.gone == ()


def test_labels_and_projects_and_limits_are_named() -> None:
    old = snapshot({"1": "care"}, {"limits": {"calls": 10}}, {"care": 1, "sales": 1})
    new = snapshot({"1": "care+"}, {"limits": {"calls": 11}}, {"care": 2, "other": 1})
    assert list(changes(old, new).lines()) == [
        "number 1 has other labels",
        "project other is new",
        "project sales goes",
        "project care: limits.calls changes",
        "limits.calls changes",
    ]


def test_a_summary_names_the_first_numbers_of_each_sort_and_counts_the_others() -> None:
    old = snapshot({str(number): "care" for number in range(100, 150)})
    new = snapshot({str(number): "care" for number in range(130, 155)})
    found = changes(old, new).summary(50)
    assert found.lines[:5] == tuple(f"number {number} appears" for number in range(150, 155))
    assert found.lines[5:] == (*(f"number {n} goes" for n in range(100, 120)), "10 more numbers go")
    assert (found.before, found.lost) == (50, 25)


def test_what_of_a_project_changes_is_named_down_to_the_key_and_never_shown() -> None:
    old, new = snapshot({}), snapshot({})
    changed = {
        "token": SecretStr("do-not-show"),
        "signals": {Moment.ARRIVAL: {"p1": "Connected"}},
        "cxone": None,
    }
    care = new.projects["care"].model_copy(update=changed)
    new = replace(new, projects=FrozenDict({**new.projects, "care": care}))
    lines = list(changes(old, new).lines())
    assert lines == ["project care: token, signals.arrival change"]


def test_keys_that_wait_for_a_restart_are_named() -> None:
    new: dict[str, object] = {
        "node": "edge-2",
        "sip": {"listen": ["udp://127.0.0.1:5060"], "public_address": "192.0.2.1"},
        "media": {"srtp": "optional"},
        "http": {"api": "127.0.0.1:8080"},
        "storage": "sqlite:///tmp/x.db",
        "log": {"level": "debug"},
    }
    found = changes(snapshot({}), snapshot({}, new))
    assert found.restart == ("node", "sip.listen", "sip.public_address", "media.srtp", "http.api", "storage")
    assert found.agent == ("log.level",)


def node(operations: str, *tokens: str) -> Agent:
    """agent.yaml with operations at an address and these tokens."""
    auth = {"tokens": [{"name": f"n-{each[:1]}", "token": each} for each in tokens]} if tokens else None
    return Agent.model_validate({"node": "e", "http": {"operations": operations, "operations_auth": auth}})


def test_a_token_that_goes_is_of_no_use_from_the_reload_on() -> None:
    running = node("0.0.0.0:8081", "a-long-and-random-token", "b-long-and-random-token")
    wanted = node("0.0.0.0:8082", "b-long-and-random-token")
    assert restart_needed(running, wanted) == ("http.operations",)
    kept = as_it_runs(running, wanted)
    assert kept.http.operations == running.http.operations
    assert kept.http.operations_auth == wanted.http.operations_auth


def test_a_listener_that_others_reach_keeps_its_log_in_until_it_is_gone() -> None:
    running, wanted = node("0.0.0.0:8081", "a-long-and-random-token"), node("127.0.0.1:8081")
    assert restart_needed(running, wanted) == ("http.operations", "http.operations_auth")
    assert as_it_runs(running, wanted).http == running.http


def test_proxies_come_and_go_without_a_restart() -> None:
    def behind(listen: str, *proxies: str) -> Agent:
        return Agent.model_validate(
            {"node": "e", "sip": {"listen": [listen], "trusted_proxies": list(proxies)}}
        )

    running, wanted = behind("udp://127.0.0.1:5060"), behind("udp://127.0.0.1:5070", "192.0.2.5")
    assert restart_needed(running, wanted) == ("sip.listen",)
    kept = as_it_runs(running, wanted)
    assert kept.sip.listen == running.sip.listen
    assert kept.sip.trusted_proxies == wanted.sip.trusted_proxies
