"""Static checks of a chapter: what can be judged from the notebook without running it."""

from __future__ import annotations

from pathlib import Path

from press import BookError
from press.chapter import Problem, load
from press.checks import anatomy, code, entries, metadata, pictures, stored, text, trials

CHECKS = {
    "metadata": metadata.metadata,
    "contents": metadata.contents,
    "budget": metadata.budget,
    "size": metadata.size,
    "sections": anatomy.sections,
    "unwritten": anatomy.unwritten,
    "length": anatomy.length,
    "open-lines": anatomy.open_lines,
    "exercises": anatomy.exercises,
    "prose": text.prose,
    "citations": text.citations,
    "equations": text.equations,
    "tags": code.tags,
    "method": code.method,
    "style": code.style,
    "determinism": code.determinism,
    "refreshed": stored.refreshed,
    "canonical": stored.canonical_form,
    "clean": stored.clean,
    "portable": stored.portable,
    "trials": trials.trials,
    "claims": entries.claims,
    "ledger": entries.ledger,
    "alt-text": pictures.alternative_text,
    "explore": pictures.explore,
    "thumbnail": pictures.thumbnail,
}


def problems(path: Path) -> list[Problem]:
    """Everything that is wrong with a chapter's structure.

    Args:
        path: the notebook; `_toc.yml` and `references.bib` lie two folders above.

    Returns:
        Problems in the order of the checks; empty for a chapter in order. A file that is not
        a notebook gives one problem, of the check `notebook`.
    """
    try:
        chapter = load(path)
    except BookError as error:
        return [Problem(path, "notebook", str(error))]
    return [
        Problem(path, name, message) for name, check in CHECKS.items() for message in check(chapter)
    ]
