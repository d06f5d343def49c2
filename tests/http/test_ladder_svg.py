# SPDX-License-Identifier: GPL-3.0-or-later
"""The drawing of a ladder: sound SVG without script or style, whose text and links are those of its steps."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

from agent.core.ladder import Band, Column, Ladder, Step
from agent.http.ladder_svg import Drawn, drawn

HOSTILE = "<script>alert(1)</script> & \"'"
SVG = "{http://www.w3.org/2000/svg}"
COLUMNS = (Column("caller", "Caller", "192.0.2.1:5060"), Column("us", "edge-1"), Column("agent", HOSTILE))
STEPS = (
    Step(10.0, "sip", "INVITE", f"INVITE sip:{HOSTILE}", "caller", "us", position=7),
    Step(10.5, "sip", "INVITE", "INVITE again", "us", "agent", repeated=True),
    Step(10.6, "sip", "503 Busy (INVITE)", "SIP/2.0 503", "agent", "us", failed=True, reply=True),
    Step(10.7, "decision", HOSTILE * 9, HOSTILE),
    Step(30.0, "signal", "handoff signal, try 1", "handoff", "us", "agent", entry="s-1", pause=19.3),
)


def draw(*steps: Step, bands: tuple[Band, ...] = ()) -> Drawn:
    def link(step: Step) -> str:
        return f"/console/messages/{step.position}?a=1&b=2" if step.position is not None else ""

    return drawn(Ladder(COLUMNS, steps or STEPS, bands), f"call {HOSTILE}", link)


def test_it_is_sound_and_has_neither_script_nor_style() -> None:
    picture = draw(bands=(Band("caller", 0, 4, HOSTILE, trouble=True, gaps=(2,)),))
    for part in (picture.head, picture.body):
        root = ET.fromstring(part)  # noqa: S314 - our own
        kinds = {one.tag.removeprefix(SVG) for one in root.iter()}
        assert kinds <= {"svg", "g", "a", "line", "path", "rect", "text", "title"}
        assert not any({"style", "onclick"} & set(one.attrib) for one in root.iter())
        assert root.get("role") == "group"


def test_each_step_is_told_and_can_be_opened_where_it_is_kept() -> None:
    body = ET.fromstring(draw().body)  # noqa: S314
    steps = [one for one in body.iter(f"{SVG}g") if "step" in str(one.get("class")).split()]
    assert [str(one.get("class")) for one in steps] == [
        "step of-sip",
        "step of-sip again",
        "step of-sip failed reply",
        "step of-decision",
        "step of-signal",
    ]
    titles = [one.findtext(f"{SVG}title") for one in steps]
    assert titles[0] == f"00:00:10.000 Caller → edge-1: INVITE sip:{HOSTILE}"
    assert titles[1] == f"00:00:10.500 edge-1 → {HOSTILE}: INVITE again (again)"
    assert [one.get("href") for one in body.iter(f"{SVG}a")] == ["/console/messages/7?a=1&b=2"]
    texts = [one.text for one in body.iter(f"{SVG}text")]
    assert "… 19.3 s" in texts
    assert "INVITE (again)" in texts
    assert "+20.000 s" in texts


def test_two_hundred_messages_stand_one_below_the_other() -> None:
    steps = tuple(Step(float(number), "sip", "INFO", "INFO", "caller", "us") for number in range(200))
    picture = draw(*steps)
    body = ET.fromstring(picture.body)  # noqa: S314
    heights = [int(one.get("y1", "0")) for one in body.iter(f"{SVG}line") if one.get("class") == "arrow"]
    assert len(heights) == 200
    assert min(later - earlier for earlier, later in pairwise(heights)) >= 24
    assert max(heights) < picture.height


def test_of_nothing_there_is_nothing_to_draw() -> None:
    picture = drawn(Ladder(COLUMNS, ()), "call c-1", lambda _: "")
    ET.fromstring(picture.body)  # noqa: S314
