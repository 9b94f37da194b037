"""The papers of `references.bib`: what a card says of one, and how a chapter cites it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from pybtex.database import Entry, Person
from pybtex.database.input.bibtex import Parser
from pybtex.exceptions import PybtexError
from pybtex.richtext import Text

from press import BookError

FILE = "references.bib"
VENUE_FIELDS = ("journal", "booktitle", "school", "institution", "howpublished", "publisher")
CODE = "Official code"
#: Where a citation leads whose entry has no address: Jupyter's anchor of the last section.
NO_ADDRESS = "#Further-reading"


@dataclass(frozen=True)
class Paper:
    """What a chapter card says of its paper.

    Attributes:
        title: the paper's title.
        authors: full names, in order; a list that BibTeX ends with `and others` ends with et al.
        venue: journal, proceedings or archive; empty if the entry names none.
        year: as printed in the entry.
        links: (label, address) pairs, official code last.
    """

    title: str
    authors: tuple[str, ...]
    venue: str
    year: str
    links: tuple[tuple[str, str], ...]


def entries(path: Path) -> Mapping[str, Entry]:
    """Read a bibliography.

    Args:
        path: the BibTeX file; where there is none, the book has no entries yet.

    Returns:
        Entries by key.

    Raises:
        BookError: the file is not BibTeX, or holds a key twice.
    """
    return _entries(path, path.stat().st_mtime_ns) if path.exists() else {}


@lru_cache(maxsize=4)
def _entries(path: Path, stamp: int) -> Mapping[str, Entry]:
    """Read all entries; `stamp` changes with the file, so that an old result is not taken."""
    try:
        return Parser(encoding="utf-8").parse_file(str(path)).entries
    except PybtexError as error:
        raise BookError(f"{path.name} is not valid BibTeX: {error}. Correct it first.") from error


def load(path: Path, key: str) -> Paper:
    """Read one paper.

    Args:
        path: the BibTeX file.
        key: the paper's BibTeX key.

    Returns:
        What the card of its chapter says.

    Raises:
        KeyError: the file has no such entry.
    """
    known = entries(path)
    if key not in known:
        raise KeyError(
            f"{path.name} has no entry '{key}'. Add it, or correct 'paper' in the notebook's "
            "metadata"
        )
    return paper(known[key])


def paper(entry: Entry) -> Paper:
    """Turn a BibTeX entry into what the card shows of it."""
    fields = _fields(entry)
    venue = next((plain(fields[name]) for name in VENUE_FIELDS if name in fields), "")
    return Paper(
        title=plain(fields.get("title", "")),
        authors=tuple(full_name(person) for person in entry.persons.get("author", [])),
        venue=venue,
        year=fields.get("year", ""),
        links=tuple(links(fields)),
    )


def _fields(entry: Entry) -> dict[str, str]:
    """The fields of an entry by name in lower case."""
    return {name.lower(): value for name, value in entry.fields.items()}


def links(fields: Mapping[str, str]) -> list[tuple[str, str]]:
    """List where a paper can be read, then its official code, as (label, address) pairs."""
    found = []
    if doi := fields.get("doi"):
        found.append(("DOI", f"https://doi.org/{quote(doi)}"))
    if arxiv := fields.get("eprint"):
        found.append((f"arXiv {arxiv}", f"https://arxiv.org/abs/{arxiv}"))
    if (url := fields.get("url")) and not any(address == url for _, address in found):
        found.append(("Paper", url))
    if code := fields.get("code"):
        found.append((CODE, code))
    return found


def citation(entry: Entry, textual: bool = True) -> str:
    """The Markdown that cites a paper in a chapter.

    Args:
        entry: its BibTeX entry.
        textual: whether the authors are part of the sentence, `Li et al. (2016)`; otherwise
            the citation stands inside parentheses of the author's own, `Li et al., 2016`.

    Returns:
        A link to the paper whose title is its BibTeX key.
    """
    return f'[{author_year(entry, textual)}]({address(entry)} "{entry.key}")'


def author_year(entry: Entry, textual: bool = True) -> str:
    """The text of a citation; the arguments are those of `citation`."""
    year = _fields(entry).get("year", "")
    return f"{short_names(entry)} ({year})" if textual else f"{short_names(entry)}, {year}"


def address(entry: Entry) -> str:
    """Where a citation leads: the first place that the card would list, without the code."""
    return next((url for label, url in links(_fields(entry)) if label != CODE), NO_ADDRESS)


def short_names(entry: Entry) -> str:
    """Authors as a sentence names them: `Li`, `Li and Liu`, or `Li et al.` for more.

    An entry without authors is named by its editors, and without these by its title.
    """
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [plain(" ".join(person.prelast_names + person.last_names)) for person in people]
    if not names:
        return plain(_fields(entry).get("title", entry.key))
    if len(names) > 2 or "others" in names:
        return f"{names[0]} et al."
    return " and ".join(names)


def full_name(person: Person) -> str:
    """Write a person's name, given names first, without LaTeX."""
    parts = person.first_names + person.middle_names + person.prelast_names + person.last_names
    if parts == ["others"]:
        return "et al."
    name = plain(" ".join(parts))
    return ", ".join([name, *map(plain, person.lineage_names)])


def plain(latex: str) -> str:
    """Write BibTeX text without its LaTeX: braces gone, accents composed, one line."""
    return " ".join(str(Text.from_latex(latex)).split())
