"""The sections of a chapter's page: numbered, and those of its fifteen minutes marked."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

from press.checks import anatomy
from press.site import library

#: The sections that are enough to understand the paper.
SHORT_PATH = (*anatomy.SECTIONS[:4], anatomy.SECTIONS[6])
#: Where the short path leaves out what follows, and where it goes on.
LEAVES, RETURNS = SHORT_PATH[3:]
MARK = "short-path"


def found(doctree: nodes.document) -> dict[str, nodes.section]:
    """The sections of a page that every chapter has, by name, in order."""
    names = {nodes.fully_normalize_name(name): name for name in anatomy.SECTIONS}
    return {
        names[name]: section
        for section in doctree.findall(nodes.section)
        for name in section["names"]
        if name in names
    }


def number(app: Sphinx, doctree: nodes.document) -> None:
    """Number the sections of a chapter and mark the short path through them."""
    if library.notebook(app.env.docname) is None:
        return
    sections = found(doctree)
    for place, (name, section) in enumerate(sections.items(), 1):
        marks = ["section-number", *([MARK] if name in SHORT_PATH else [])]
        title = section.next_node(nodes.title)
        title[:0] = [nodes.inline("", str(place), classes=marks), nodes.Text(" ")]
        if name in SHORT_PATH:
            section["classes"].append(MARK)
    if {LEAVES, RETURNS} <= set(sections):
        on = sections[RETURNS]
        words = on.next_node(nodes.title).astext()
        link = nodes.reference("", words, refid=on["ids"][0], internal=True)
        note = nodes.paragraph("", "Fifteen minutes only? Go on with ", link, classes=["go-on"])
        note += nodes.Text(".")
        sections[LEAVES] += note


def setup(app: Sphinx) -> None:
    """Number before Sphinx collects the contents of a page."""
    app.connect("doctree-read", number, priority=400)
