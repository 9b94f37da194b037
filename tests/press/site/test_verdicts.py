"""The style sheet of verdicts."""

import re
from pathlib import Path

from press.site.verdicts import style_sheet
from repro import chapters
from repro.claims.cards import COLOURS, css

STATIC = Path(chapters.ROOT) / "_static"


def test_every_verdict_has_its_colour():
    defined = dict(re.findall(r"\.verdict--(\S+) \{ --verdict: (#\w+); \}", style_sheet()))
    assert defined == {css(name): colour for name, colour in COLOURS.items()}


def test_no_second_copy_of_the_colours():
    texts = " ".join(path.read_text() for path in STATIC.glob("*.*ss"))
    assert [colour for colour in COLOURS.values() if colour in texts.lower()] == []
