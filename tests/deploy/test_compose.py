# SPDX-License-Identifier: GPL-3.0-or-later
"""The rehearsal of deploy/compose: what each of its files says is right, and its processes answer a call.

There is no container here: the services' own commands and environments run as processes of this machine,
in one network namespace, as the containers share one network.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from tests.calls.harness.postgres import Postgres
from tests.calls.harness.waiting import eventually_now
from tests.faults.conftest import postgres
from tests.fleet.harness.kamailio import found as kamailio_found

__all__ = ["postgres"]
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/compose"
COMMAND = ROOT / ".venv/bin/handoff-agent"
HEALTHY = ROOT / "deploy/containers/healthy"
AGENTS = ("agent-1", "agent-2", "agent-3")
_PLACEHOLDER = re.compile(r"\$\{\w+:-([^}]*)\}")


def compose() -> dict[str, Any]:
    """The file, its merges done and its placeholders at their defaults."""
    text = _PLACEHOLDER.sub(r"\1", (FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = yaml.safe_load(text)
    return found


SERVICES: dict[str, Any] = compose()["services"]


def environment(service: str) -> dict[str, str]:
    return {**os.environ, **{name: str(value) for name, value in SERVICES[service]["environment"].items()}}


def arguments(service: str) -> list[str]:
    """Its command as the container gets it: a doubled dollar is one."""
    return [word.replace("$$", "$") for word in SERVICES[service]["command"]]


def test_it_is_what_the_compose_specification_allows() -> None:
    found = compose_spec.PyCompose.from_yaml(yaml.safe_dump(compose()))
    assert set(found.to_spec().services or ()) == set(SERVICES)


def test_what_is_not_in_the_specification_is_found_out() -> None:
    wrong = compose()
    wrong["services"]["front"]["depends_on"]["net"]["condition"] = "service_alive"
    with pytest.raises(ValueError, match="service_alive"):
        compose_spec.PyCompose.from_yaml(yaml.safe_dump(wrong))


def test_each_file_that_is_mounted_is_there() -> None:
    volumes = {volume for service in SERVICES.values() for volume in service.get("volumes", ())}
    sources = {volume.partition(":")[0] for volume in volumes}
    assert all((FOLDER / source).exists() for source in sources if source.startswith("."))
    assert {source for source in sources if not source.startswith(".")} == set(compose()["volumes"])


def test_who_is_waited_for_is_there_and_can_be_waited_for() -> None:
    for service in SERVICES.values():
        for name, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "test" in SERVICES[name]["healthcheck"]


@pytest.mark.parametrize("agent", AGENTS)
def test_each_agents_configuration_is_sound(agent: str) -> None:
    checked = subprocess.run(
        [str(COMMAND), "check", "--config", str(FOLDER / "config"), "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(agent),
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_fleet_is_the_agents_that_there_are() -> None:
    nodes = yaml.safe_load((FOLDER / "config/agent.yaml").read_text(encoding="utf-8"))["fleet"]["nodes"]
    told = {
        SERVICES[agent]["environment"]["HANDOFF_NODE"]: SERVICES[agent]["environment"] for agent in AGENTS
    }
    assert {node["name"] for node in nodes} == set(told)
    for node in nodes:
        assert node["sip"].replace("sip:", "udp://") == told[node["name"]]["HANDOFF_SIP_UDP"]


def test_prometheus_takes_its_configuration_and_asks_each_agent(tmp_path: Path) -> None:
    for source in ("compose/prometheus.yaml", "prometheus/recording.yaml", "prometheus/alerts.yaml"):
        shutil.copy(ROOT / "deploy" / source, tmp_path)
    promtool = shutil.which("promtool") or str(Path(sys.prefix) / "prometheus/usr/bin/promtool")
    checked = subprocess.run(
        [promtool, "check", "config", str(tmp_path / "prometheus.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (job,) = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))["scrape_configs"]
    asked = {target.rpartition(":")[2] for target in job["static_configs"][0]["targets"]}
    assert asked == {
        SERVICES[agent]["environment"]["HANDOFF_OPERATIONS"].rpartition(":")[2] for agent in AGENTS
    }


def test_grafana_finds_each_dashboard() -> None:
    (provider,) = yaml.safe_load((FOLDER / "grafana/dashboards.yaml").read_text())["providers"]
    mounted = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    assert mounted["../grafana"] == provider["options"]["path"]
    (source,) = yaml.safe_load((FOLDER / "grafana/datasources.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    assert source["url"].endswith(":9090")


class Site:
    """The services as processes in a network of their own.

    Args:
        folder: for what they write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._all: list[subprocess.Popen[bytes]] = []
        self._net = subprocess.Popen(["/usr/bin/unshare", "--net", "sleep", "infinity"], process_group=0)
        self._all.append(self._net)
        here = Path("/proc/self/ns/net").readlink()
        network = Path(f"/proc/{self._net.pid}/ns/net")
        eventually_now(lambda: network.readlink() != here, 20, "a network of its own")
        self.run("ip", "link", "set", "lo", "up")

    def _inside(self, *command: str) -> list[str]:
        return ["nsenter", f"--net=/proc/{self._net.pid}/ns/net", "--", *command]

    def run(self, *command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run to the end; anything but success is a failure of the test."""
        done = subprocess.run(
            self._inside(*command), capture_output=True, text=True, check=False, env=env, cwd=self.folder
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done

    def start(self, name: str, *command: str, env: dict[str, str] | None = None) -> None:
        """Start what runs on; its output goes to NAME.log."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self._all.append(
                subprocess.Popen(
                    self._inside(*command),
                    env=env,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    process_group=0,
                )
            )

    def healthy(self, agent: str) -> bool:
        """Whether its container would be said to be healthy."""
        (_, program, *more) = SERVICES[agent]["healthcheck"]["test"]
        assert program == "handoff-agent-healthy"
        asked = self._inside(str(HEALTHY), *more)
        done = subprocess.run(asked, check=False, capture_output=True, env=environment(agent))
        return done.returncode == 0

    def close(self) -> None:
        """End all, the network last."""
        for process in reversed(self._all):
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            finally:
                process.wait()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as ends:
        made = Site(tmp_path)
        ends.callback(made.close)
        yield made


def front(site: Site) -> None:
    """Kamailio as the service front: its own local.cfg, and the lists that the service lists writes."""
    into = site.folder / "lists"
    into.mkdir()
    command = [word.replace("/lists", str(into)) for word in arguments("lists")]
    command = [word.replace("/etc/handoff-agent", str(FOLDER / "config")) for word in command]
    site.run(str(COMMAND), *command, env=environment("lists"))
    local = (FOLDER / "kamailio.cfg").read_text(encoding="utf-8").replace("/lists/", f"{into}/")
    (site.folder / "local.cfg").write_text(local + f'#!define CONTROL "unix:{site.folder}/ctl"\n')
    shutil.copy(ROOT / "deploy/kamailio/kamailio.cfg", site.folder)
    program, libraries = kamailio_found()
    common = [program, "-f", str(site.folder / "kamailio.cfg"), "-L", f"{libraries}/modules"]
    env = {**os.environ, "LD_LIBRARY_PATH": libraries}
    site.run(*common, "-c", env=env)
    site.start("front", *common, "-DD", "-E", "-Y", str(site.folder), env=env)


@pytest.mark.soak
@pytest.mark.calls
def test_the_same_processes_answer_a_first_call(site: Site, postgres: Postgres) -> None:
    storage = postgres.new().rpartition("/")[2]
    url = f"postgresql://postgres@/{storage}?host={postgres.folder}&port={postgres.port}"
    site.start("cxone", str(COMMAND), *arguments("cxone"))
    site.start("voice-agent", str(COMMAND), *arguments("voice-agent"))
    for agent in AGENTS:
        command = [*arguments_of_the_image(), "--config", str(FOLDER / "config")]
        site.start(agent, str(COMMAND), *command, env={**environment(agent), "HANDOFF_STORAGE": url})
    front(site)
    eventually_now(lambda: all(map(site.healthy, AGENTS)), 240, "all agents are ready")
    report = site.folder / "report"
    call = [word.replace("/tmp/report", str(report)) for word in arguments("call")]  # noqa: S108 - a tmpfs there
    site.run(str(COMMAND), *call, env=environment("call"))
    assert "Connected" in {signal["p1"] for signal in signals(site)}


def signals(site: Site) -> list[dict[str, str]]:
    """The parameters of the signals that the simulated CXone has taken."""
    told = json.loads(site.run(sys.executable, "-c", _READ).stdout)
    return [signal["parameters"] for signal in told]


_READ = """
from urllib.request import urlopen
print(urlopen("http://127.0.0.1:8090/simulator/signals").read().decode())
"""


def arguments_of_the_image() -> list[str]:
    """The command of an agent, as the Dockerfile says it, without its folder."""
    (line,) = re.findall(r"^CMD (\[.*\])$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    found: list[str] = json.loads(line)
    return found[: found.index("--config")]
