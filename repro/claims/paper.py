"""What a paper claims: the rows of the table that opens a chapter, and how many were tested."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from repro.claims.measurement import ClaimError
from repro.claims.texts import gist, require_id, require_text

#: Verdicts of a claim, best first.
VERDICTS = ("reproduced", "consistent", "not at this scale", "contradicted")


@dataclass(frozen=True, slots=True)
class Stated:
    """One claim of a paper, in the paper's own terms.

    Attributes:
        id: that of the ledger's entry that tests it.
        says: the claim in a sentence.
        where: its figure and its place, such as "66.2 % against 61.8 % top-1 (table 2)".
        out_of_reach: why nothing here can test it.
        undecided: what was tried here, and why it decides the claim neither way.

    Both reasons are left out where an entry tests the claim.
    """

    id: str
    says: str
    where: str
    out_of_reach: str = ""
    undecided: str = ""

    def __post_init__(self) -> None:
        """Check every field."""
        require_id("id", self.id)
        for name in ("says", "where", "out_of_reach", "undecided"):
            value = getattr(self, name)
            if name in ("says", "where") or value != "":
                value = require_text(name, value)
            object.__setattr__(self, name, value)
        if self.out_of_reach and self.undecided:
            raise ClaimError(f"{self.id!r} is out of reach and undecided; say which")

    @property
    def untested(self) -> str:
        """What stands for a verdict: "out of reach", "not decided", or nothing."""
        return "out of reach" if self.out_of_reach else "not decided" if self.undecided else ""

    @property
    def why(self) -> str:
        """The reason why no entry tests the claim; empty where one does."""
        return self.out_of_reach or self.undecided

    def record(self) -> dict[str, str]:
        """The row as it is stored."""
        return asdict(self)


def check_rows(rows: Iterable[Any]) -> list[Stated]:
    """The rows of a table of a paper's claims.

    Raises:
        ClaimError: none, something else than `Stated`, or an id or a sentence twice.
    """
    rows = list(rows)
    if not rows:
        raise ClaimError("the table of the paper's claims is empty; pass Stated(...) rows")
    for row in rows:
        if not isinstance(row, Stated):
            raise ClaimError(f"the paper's claims are Stated(id, says, where) rows, got {row!r}")
    ids = Counter(row.id for row in rows)
    if twice := [id for id, count in ids.items() if count > 1]:
        raise ClaimError(f"the paper's claims give id {twice[0]!r} twice")
    says = Counter(gist(row.says) for row in rows)
    if again := [row for row in rows if says[gist(row.says)] > 1]:
        raise ClaimError(
            f"the table holds the same claim twice: {', '.join(row.id for row in again)}"
        )
    return rows


def gaps(rows: Iterable[Stated], entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """What does not fit between the table of a paper's claims and the ledger.

    Args:
        rows: of the table.
        entries: records of the ledger.

    Returns:
        One sentence for each row without an entry and without a reason, each entry that its row
        does not provide for, and each claim without a row.
    """
    rows = {row.id: row for row in rows}
    made = {entry["id"]: entry for entry in entries}
    found = []
    for id, row in rows.items():
        if id in made and made[id]["kind"] != "claim":
            found.append(f"{id!r} is in the table of the paper's claims but is no claim")
        elif id in made and row.untested:
            found.append(f"claim {id!r} is declared {row.untested}, yet an entry tests it")
        elif id not in made and not row.untested:
            found.append(
                f"the paper's claim {id!r} has no entry: test it with ledger.claim, or say with "
                "out_of_reach or undecided why not"
            )
    found += [
        f"claim {id!r} is not in the table of the paper's claims: add a row, or make it a finding"
        for id, entry in made.items()
        if entry["kind"] == "claim" and id not in rows
    ]
    return found


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of a paper's claims were tested, and how the tests came out.

    Attributes:
        stated: rows of the table.
        verdicts: how many of them were tested with each verdict, best first.
    """

    stated: int
    verdicts: dict[str, int]

    @property
    def tested(self) -> int:
        """How many were tested."""
        return sum(self.verdicts.values())

    @property
    def text(self) -> str:
        """In words: "7 of 9 claims tested: 5 reproduced, 1 contradicted, 1 not at this scale"."""
        noun = "claim" if self.stated == 1 else "claims"
        head = f"{self.tested} of {self.stated} {noun} tested"
        parts = ", ".join(f"{count} {verdict}" for verdict, count in self.verdicts.items())
        return f"{head}: {parts}" if parts else head


def coverage(stated: int, entries: Iterable[Mapping[str, Any]]) -> Coverage:
    """Count the claims among entries against the number that papers state.

    Args:
        stated: rows in the tables of the papers' claims.
        entries: records; checks and findings are passed over.
    """
    counts = Counter(entry["verdict"] for entry in entries if entry["kind"] == "claim")
    return Coverage(stated, {verdict: counts[verdict] for verdict in VERDICTS if counts[verdict]})
