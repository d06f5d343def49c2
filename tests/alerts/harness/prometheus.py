# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's Prometheus on loopback, with our rules, scraping agents many times a second."""

from __future__ import annotations

import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import yaml

from tests.calls.harness.ports import free_port
from tests.calls.harness.waiting import eventually_now
from tests.calls.harness.web import answers, ask

RULES = Path(__file__).parents[3] / "deploy/prometheus"
FASTER = 100
"""An hour of the rules is 36 s then; agents are scraped and rules evaluated twice a second."""
_STEP = "500ms"
_faster: Callable[[str, float], str] = runpy.run_path(str(RULES / "faster.py"))["faster"]


def program(name: str) -> str:
    """Where a program of Debian's package is."""
    unpacked = Path(sys.prefix) / "prometheus/usr/bin" / name
    found = str(unpacked) if unpacked.exists() else shutil.which(name)
    assert found, f"{name} is not there: deploy/setup --tests brings it (Debian's package is prometheus)"
    return found


def promtool(*arguments: str | Path, said: str = "") -> str:
    """Run promtool; what it said, once it found nothing wrong."""
    command = [program("promtool"), *map(str, arguments)]
    done = subprocess.run(command, input=said, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"promtool {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


class Prometheus:
    """One server with a folder of its own; a context manager.

    Args:
        folder: for its files.
        targets: ports of the operations listeners that it scrapes as the job ``handoff-agent``.
        factor: by how much the times of the rules are shorter.
    """

    def __init__(self, folder: Path, targets: Sequence[int], factor: float = FASTER) -> None:
        self.port = free_port()
        self._folder = folder / "prometheus"
        self._folder.mkdir()
        self._server: subprocess.Popen[bytes] | None = None
        rules = []
        for name in ("recording.yaml", "alerts.yaml"):
            path = self._folder / name
            path.write_text(_faster((RULES / name).read_text(), factor))
            rules.append(str(path))
        jobs = [
            {
                "job_name": "handoff-agent",
                "scrape_timeout": _STEP,
                "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in targets]}],
            }
        ]
        settings = {
            "global": {"scrape_interval": _STEP, "evaluation_interval": _STEP, "scrape_timeout": _STEP},
            "rule_files": rules,
            "scrape_configs": jobs if targets else [],
        }
        (self._folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))

    def __enter__(self) -> Self:
        """Start it and wait until it evaluates."""
        with (self._folder / "log").open("wb") as log:
            self._server = subprocess.Popen(
                [
                    program("prometheus"),
                    f"--config.file={self._folder / 'prometheus.yaml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--log.level=warn",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        try:
            eventually_now(lambda: answers(self.port, "/-/ready"), 60, "Prometheus is ready")
        except AssertionError as error:
            self.__exit__()
            raise AssertionError(f"{error}\n{(self._folder / 'log').read_text()}") from None
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGTERM)
            self._server.wait(30)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now.

        Raises:
            AssertionError: it can't be evaluated.
        """
        reply = ask(self.port, "GET", f"/api/v1/query?query={quote(expression, safe='')}")
        answer = reply.json
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        result = answer["data"]["result"]
        return result if isinstance(result, list) and answer["data"]["resultType"] == "vector" else [result]

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that fire now, with their labels and annotations."""
        found = ask(self.port, "GET", "/api/v1/alerts").json["data"]["alerts"]
        return [alert for alert in found if alert["state"] == "firing"]

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        return {alert["labels"]["alertname"] for alert in self.alerts()}

    def broken_rules(self) -> list[str]:
        """What rules complained of when they were evaluated last."""
        groups = ask(self.port, "GET", "/api/v1/rules").json["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return [f"{rule['name']}: {rule['lastError']}" for rule in rules if rule["health"] == "err"]
