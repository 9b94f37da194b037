"""Static checks of a chapter: what can be judged from the notebook without running it."""

from __future__ import annotations

from pathlib import Path

from repro.book import BookError
from repro.book.structure import claims, code, figures, metadata, stored, text
from repro.book.structure.chapter import Chapter, Problem, load

CHECKS = {
    "metadata": metadata.metadata,
    "contents": metadata.contents,
    "budget": metadata.budget,
    "size": metadata.size,
    "sections": text.sections,
    "unwritten": text.unwritten,
    "length": text.length,
    "exercises": text.exercises,
    "equations": text.equations,
    "citations": text.citations,
    "tags": code.tags,
    "method": code.method,
    "style": code.style,
    "determinism": code.determinism,
    "refreshed": stored.refreshed,
    "canonical": stored.canonical_form,
    "clean": stored.clean,
    "portable": stored.portable,
    "claims": claims.claims,
    "ledger": claims.ledger,
    "alt-text": figures.alternative_text,
    "explore": figures.explore,
    "thumbnail": figures.thumbnail,
}


def problems(path: Path) -> list[Problem]:
    """Everything that is wrong with a chapter's structure.

    Args:
        path: the notebook; ``_toc.yml`` and ``references.bib`` lie two folders above.

    Returns:
        Problems in the order of the checks; empty for a chapter in order. A file that is not
        a notebook gives one problem, of the check ``notebook``.
    """
    try:
        chapter = load(path)
    except BookError as error:
        return [Problem(path, "notebook", str(error))]
    return [
        Problem(path, name, message) for name, check in CHECKS.items() for message in check(chapter)
    ]


__all__ = ["CHECKS", "Chapter", "Problem", "problems"]
