# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent numbers import`` and ``export``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.settings import load

EXAMPLE = Path(__file__).parents[2] / "config"
LIST = "number;project;brand\r\n9995550110;acme-care;acme\r\n9995550111;;\r\n"
YAML = 'numbers:\n  "9995550110": {project: acme-care, labels: {brand: acme}}\n  "9995550111": acme-sales\n'


class Bench:
    """A configuration folder, a list, and commands on them."""

    def __init__(self, folder: Path) -> None:
        self.config = Path(shutil.copytree(EXAMPLE, folder / "config"))
        self.list = folder / "carrier.csv"
        self.list.write_text(LIST, encoding="utf-8")
        self.into = self.config / "numbers/carrier.yaml"

    def command(self, *arguments: str) -> int:
        """Run it with this folder."""
        return main(["numbers", *arguments, "--config", str(self.config)])

    def bring(self, *arguments: str) -> int:
        """Import the list."""
        return self.command("import", str(self.list), "--project", "acme-sales", *arguments)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_list_becomes_a_map(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.bring() == 0
    assert capsys.readouterr().out == YAML
    assert not bench.into.exists()
    assert bench.bring("--into", "numbers/carrier.yaml") == 0
    told = f"{bench.into} has 2 rules; a running agent takes it over by itself\n"
    assert capsys.readouterr().out == told
    assert bench.into.read_text(encoding="utf-8") == YAML
    assert len(load(bench.config).numbers) == 7


def test_what_is_there_is_written_over_with_yes_alone(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.into.write_text('numbers:\n  "9995550110": acme-sales # a remark\n', encoding="utf-8")
    before = bench.into.read_bytes()
    assert bench.bring("--into", "numbers/carrier.yaml") == 2
    told = f"handoff-agent: {bench.into} is there already: --yes writes over it, its remarks too\n"
    assert capsys.readouterr().err == told
    assert bench.into.read_bytes() == before
    assert bench.bring("--into", "numbers/carrier.yaml", "--yes") == 0
    assert bench.into.read_text(encoding="utf-8") == YAML


def test_a_list_with_mistakes_is_not_taken(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.list.write_text("number,project\n9995550100,acme-care\n9.99555E+09,acme-car\n", encoding="utf-8")
    assert bench.bring("--into", "numbers/carrier.yaml") == 1
    out, err = capsys.readouterr()
    rounded, twice = sorted(out.splitlines(), key=lambda line: "is there already" in line)
    assert rounded.startswith(f"{bench.list}:3:1: 9.99555E+09 is a number that a spreadsheet has rounded")
    acme = bench.config / "numbers/acme.yaml"
    assert twice in (  # the later file is blamed
        f"{bench.list}:2:1: 9995550100 is there already, at {acme}:4: leave one out",
        f"{acme}:4:3: 9995550100 is there already, at {bench.list}:2: leave one out",
    )
    assert err == f"{bench.list} is not taken: correct it first\n"
    assert not bench.into.exists()


def test_mistakes_elsewhere_do_not_keep_it_out(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    (bench.config / "carriers.yaml").write_text("carriers: {}\nx: 1\n", encoding="utf-8")
    assert bench.bring("--into", "numbers/carrier.yaml") == 0
    err = capsys.readouterr().err
    assert err.startswith(f"note: the rest of {bench.config} has ")


def test_a_zero_that_is_lost_is_noted(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.list.write_text("number\n0207946010\n207946011\n", encoding="utf-8")
    assert bench.bring() == 0
    assert f"note: {bench.list}:3: 207946011 has no 0 in front" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--into", "numbers/a.txt"), "numbers/a.txt is no number map: name it NAME.yaml or NAME.csv"),
        (("--into", "numbers/x/a.yaml"), "there is no folder {config}/numbers/x: create it, or name another"),
        (("--into", ""), "--into is empty"),
    ],
)
def test_where_it_can_t_go_is_told(
    bench: Bench, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    assert bench.bring(*arguments) == 2
    assert told.format(config=bench.config) in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere.csv", "carrier.xlsx"])
def test_a_list_that_can_t_be_read_is_told(
    bench: Bench, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    assert bench.command("import", str(tmp_path / name)) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"handoff-agent: {tmp_path / name} ")
    assert len(told.splitlines()) == 1


def test_a_list_that_is_read_already_is_not_doubled(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    within = bench.config / "numbers/carrier.csv"
    within.write_text("number,project\n9995550110,acme-care\n", encoding="utf-8")
    assert bench.command("import", str(within), "--into", "numbers/carrier.yaml") == 2
    assert "would be read beside it: move it away first" in capsys.readouterr().err
    assert bench.command("import", str(within)) == 0
    assert bench.command("import", str(within), "--into", "numbers/carrier.csv", "--yes") == 0


def test_without_a_configuration_it_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["numbers", "export", "--config", str(tmp_path / "nowhere")]) == 2
    told = f"handoff-agent: there is no folder {tmp_path}/nowhere: name the configuration with --config\n"
    assert capsys.readouterr().err == told


def test_all_maps_go_out_as_one_and_come_back_the_same(
    bench: Bench, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (bench.config / "numbers/more.csv").write_text(
        'number,project,brand,label.number\n+44207,acme-sales,"a, ""b""",7\n', encoding="utf-8"
    )
    before = load(bench.config).fingerprint
    for form in ("csv", "yaml", "csv"):
        out = tmp_path / f"all.{form}"
        assert bench.command("export", "--into", str(out), "--yes") == 0
        assert capsys.readouterr().out == f"{out} has 6 rules\n"
        for old in (bench.config / "numbers").iterdir():
            old.unlink()
        shutil.copy(out, bench.config / "numbers" / out.name)
        assert load(bench.config).fingerprint == before


def test_one_map_alone_in_the_form_that_is_wanted(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    (bench.config / "numbers/more.csv").write_text("number,project\n1,acme-care\n", encoding="utf-8")
    assert bench.command("export", "--only", "numbers/more.csv") == 0
    assert capsys.readouterr().out == "number,project\n1,acme-care\n"
    assert bench.command("export", "--only", "more.csv", "--format", "yaml") == 0
    assert capsys.readouterr().out == 'numbers:\n  "1": acme-care\n'
    assert bench.command("export", "--only", "other.csv") == 2
    assert "no rule is from other.csv" in capsys.readouterr().err


def test_maps_with_mistakes_do_not_go_out(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    (bench.config / "numbers/more.csv").write_text("number,project\n9995550100,acme-care\n", encoding="utf-8")
    assert bench.command("export") == 1
    out, err = capsys.readouterr()
    assert "9995550100 is there already" in out
    assert err == f"{bench.config}/numbers has mistakes: correct them first\n"
