# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent simulate``."""

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest

from agent.cli import simulate

_COMMAND = """
import argparse, sys
from agent.cli import simulate
parser = argparse.ArgumentParser()
simulate.add(parser.add_subparsers())
options = parser.parse_args(sys.argv[1:])
sys.exit(options.run(options))
"""


@pytest.fixture
def running() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _COMMAND, "simulate", "cxone", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def _parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    simulate.add(parser.add_subparsers())
    return parser.parse_args(["simulate", *arguments])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_serves_and_ends_when_told(
    running: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert running.stdout is not None
    line = running.stdout.readline().strip()
    url = line.removeprefix("cxone simulator listens on ")
    with urllib.request.urlopen(url + "/.well-known/openid-configuration") as answer:  # noqa: S310 - our own
        issuer = json.load(answer)["issuer"]
    running.send_signal(number)
    rest, errors = running.communicate(timeout=60)

    assert issuer == url
    assert (running.returncode, rest, errors) == (0, "", "")


def test_an_address_that_others_reach_must_be_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    options = _parsed("cxone", "--listen", "0.0.0.0:8090")

    assert options.run(options) == 2
    assert "--allow-remote" in capsys.readouterr().err


def test_an_address_in_use_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = _parsed("cxone", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")

        assert options.run(options) == 2

    assert capsys.readouterr().err.endswith("Address already in use\n")


@pytest.mark.parametrize("text", ["8090", ":8090", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000"])
def test_what_is_no_address_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        _parsed("cxone", "--listen", text)

    assert ended.value.code == 2
    assert "is not HOST:PORT" in capsys.readouterr().err


def test_asking_for_the_fake_cxone_does_not_load_the_sip_stack() -> None:
    command = (
        f"{_COMMAND.split('options =', maxsplit=1)[0]}parser.parse_args(['simulate', 'cxone'])\n"
        "print('pjsua2' in sys.modules, 'agent.simulators.voice_agent' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]
