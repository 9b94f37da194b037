"""Prose that reads well anywhere, resolved: citations and equations of the notebooks become links.

A chapter cites with a plain link whose title is a BibTeX key, names an equation with a tag in its
formula, and refers to it by `#eq-SLUG-NAME`. Any viewer shows these as they are. Here the citation
comes to lead to the bibliography, and the reference to its formula.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinxcontrib.bibtex.citation_target import CitationTarget
from sphinxcontrib.bibtex.roles import CitationRef

from press import bibliography
from press.chapter import equation_label
from press.markdown import EQUATION_TAG


class NameEquations(SphinxTransform):
    """Give a tagged formula its label, and its tag the place where the theme shows numbers."""

    default_priority = 400  # before MyST looks for the targets of `[text](#label)`, at 879

    def apply(self, **kwargs: Any) -> None:
        """Rewrite the formulas of a notebook's page."""
        if not self.env.doc2path(self.env.docname).endswith(".ipynb"):
            return
        slug = self.env.docname.rpartition("/")[2]
        for formula in self.document.findall(nodes.math_block):
            text = formula.astext()
            if tag := EQUATION_TAG.search(text):
                label = equation_label(slug, tag[1])
                formula[:] = [nodes.Text(EQUATION_TAG.sub("", text).strip())]
                formula["number"] = tag[1]
                formula["ids"], formula["names"] = [label], [label]
                self.document.note_explicit_target(formula, formula)


class NoteCitations(SphinxTransform):
    """Tell the bibliography which papers a page cites."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Mark the links whose title is a BibTeX key."""
        if not _has_bibliography(self.env):
            return
        domain = self.env.get_domain("cite")
        for link in self.document.findall(nodes.reference):
            key = link.get("reftitle", "")
            if key not in domain.bibdata.data.entries:
                continue
            link["citation"] = key
            link.attributes.pop("id_link", None)  # MyST has no target to look for
            self.document.set_id(link)
            domain.citation_refs.append(
                CitationRef(
                    link["ids"][0], self.env.docname, link.line, [CitationTarget(key, "", "")]
                )
            )


class ResolveCitations(SphinxPostTransform):
    """Lead a citation to its entry in the bibliography, which has the paper's own address."""

    default_priority = 10

    def run(self, **kwargs: Any) -> None:
        """Point the links of a page at the bibliography."""
        if not _has_bibliography(self.env):
            return
        known = {entry.key: entry for entry in self.env.get_domain("cite").citations}
        for link in self.document.findall(nodes.reference):
            if found := known.get(link.get("citation")):
                page = self.app.builder.get_relative_uri(
                    self.env.docname, found.bibliography_key.docname
                )
                link["refuri"], link["internal"] = f"{page}#{found.citation_id}", True
                link["reftitle"] = bibliography.paper(found.entry).title


def _has_bibliography(env: BuildEnvironment) -> bool:
    """Whether the site has an extension that draws one."""
    return "sphinxcontrib.bibtex" in env.app.extensions


def setup(app: Sphinx) -> None:
    """Resolve prose as pages are read and written."""
    app.add_transform(NameEquations)
    app.add_transform(NoteCitations)
    app.add_post_transform(ResolveCitations)
