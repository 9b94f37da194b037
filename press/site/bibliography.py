"""The paper a chapter reproduces, read from its BibTeX entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pybtex.database import Entry, Person, parse_file
from pybtex.richtext import Text

VENUE_FIELDS = ("journal", "booktitle", "school", "howpublished", "publisher")


@dataclass(frozen=True)
class Paper:
    """What a chapter card says of its paper.

    Attributes:
        title: the paper's title.
        authors: full names, in order.
        venue: journal, proceedings or archive; empty if the entry names none.
        year: as printed in the entry.
        links: (label, address) pairs, official code last.
    """

    title: str
    authors: tuple[str, ...]
    venue: str
    year: str
    links: tuple[tuple[str, str], ...]


def load(path: Path, key: str) -> Paper:
    """Read one paper.

    Args:
        path: the BibTeX file.
        key: the paper's BibTeX key.

    Raises:
        KeyError: the file has no such entry.
    """
    entries = _entries(path, path.stat().st_mtime_ns)
    if key not in entries:
        raise KeyError(
            f"{path.name} has no entry '{key}'. Add it, or correct 'paper' in the notebook's "
            "metadata"
        )
    return paper(entries[key])


@lru_cache(maxsize=4)
def _entries(path: Path, stamp: int) -> Mapping[str, Entry]:
    """Read all entries; `stamp` changes with the file, so that an old result is not taken."""
    return parse_file(str(path), bib_format="bibtex").entries


def paper(entry: Entry) -> Paper:
    """Turn a BibTeX entry into what the card shows of it."""
    fields = {name.lower(): value for name, value in entry.fields.items()}
    venue = next((plain(fields[name]) for name in VENUE_FIELDS if name in fields), "")
    return Paper(
        title=plain(fields.get("title", "")),
        authors=tuple(full_name(person) for person in entry.persons.get("author", [])),
        venue=venue,
        year=fields.get("year", ""),
        links=tuple(links(fields)),
    )


def links(fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """List where a paper can be read, then its official code."""
    found = []
    if doi := fields.get("doi"):
        found.append(("DOI", f"https://doi.org/{doi}"))
    if arxiv := fields.get("eprint"):
        found.append((f"arXiv {arxiv}", f"https://arxiv.org/abs/{arxiv}"))
    if (url := fields.get("url")) and not any(address == url for _, address in found):
        found.append(("Paper", url))
    if code := fields.get("code"):
        found.append(("Official code", code))
    return found


def full_name(person: Person) -> str:
    """Write a person's name, given names first, without LaTeX."""
    parts = person.first_names + person.middle_names + person.prelast_names + person.last_names
    name = plain(" ".join(parts))
    return ", ".join([name, *map(plain, person.lineage_names)])


def plain(latex: str) -> str:
    """Write BibTeX text without its LaTeX: braces gone, accents composed, one line."""
    return " ".join(Text.from_latex(latex).render_as("text").split())
