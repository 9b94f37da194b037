"""The ledger of a chapter: the paper's claims, our checks, and what we found besides.

ledger = Ledger("sttn")
ledger.paper(
    Stated("soft-beats-hard", "Soft thresholds train better than hard ones",
           "66.2 % against 61.8 % top-1 (table 2)"),
    Stated("imagenet", "ResNet-18 comes within 3.1 points of the float network",
           "66.2 % against 69.3 % (table 1)", out_of_reach="no package ships ImageNet"),
)
ledger.claim("soft-beats-hard", "On 16x16 digits, 20 epochs, soft beats hard thresholds",
             measured=soft - hard, accept=improves(), control=soft_frozen - hard,
             control_is="thresholds frozen at their start", unit="points")
ledger.check("gradient", "The formula equals automatic differentiation",
             measured=np.abs(formula - autograd).max(), accept=at_most(1e-12),
             control=np.abs(formula * (1 + 1e-11) - autograd).max(),
             control_is="the formula off by 1e-11 of its size")
ledger            # three tables
"""

import copy
from typing import Any

from repro import notebook
from repro.claims import cards
from repro.claims.drift import Drift
from repro.claims.entries import distinct
from repro.claims.evidence import Varied
from repro.claims.measurement import ClaimError, glimpse
from repro.claims.paper import Stated, check_rows
from repro.claims.texts import require_id
from repro.claims.verdicts import judge, shown


class Ledger:
    """The entries of one chapter; as the last expression of a cell it shows their tables.

    `chapter` is the chapter's slug.
    """

    def __init__(self, chapter: str) -> None:
        self.chapter = require_id("chapter", chapter)
        self._rows: list[Stated] = []
        self._rows_at: int | None = None
        self._records: dict[str, dict[str, Any]] = {}
        self._made_at: dict[str, int | None] = {}

    @property
    def records(self) -> list[dict[str, Any]]:
        """Copies of the records of all accepted entries, in the order they were made."""
        return copy.deepcopy(list(self._records.values()))

    @property
    def rows(self) -> list[Stated]:
        """The claims that the paper makes."""
        return list(self._rows)

    def paper(self, *rows: Stated) -> None:
        """Declare and show what the paper claims: its abstract's and headline tables' statements.

        Args:
            *rows: one for each claim, in the paper's own terms. A row that gives neither
                `out_of_reach` nor `undecided` needs an entry with its id, made by `claim`; every
                claim needs a row.

        Raises:
            ClaimError: no row, something else than rows, an id or a sentence twice, or a second
                table (running the cell again replaces the first).
        """
        checked = check_rows(rows)
        if self._rows and not _is_later(self._rows_at):
            raise ClaimError(
                f"the paper's claims of chapter {self.chapter!r} are declared already; all of them "
                "stand in one table, before the first claim is tested"
            )
        self._rows, self._rows_at = checked, notebook.execution_count()
        stored = [row.record() for row in self._rows]
        data = {
            "text/html": cards.paper(self.chapter, self._rows, self.records),
            "text/plain": cards.paper_text(self._rows),
        }
        notebook.publish(data, {"repro": {"paper": stored}})

    def claim(
        self,
        id: str,
        statement: str,
        *,
        measured: Any,
        accept: Any,
        control: Any,
        control_is: str,
        unit: str = "",
        drift: Drift | None = None,
        reconstructed: str | None = None,
        contradicted: str | None = None,
        not_at_this_scale: str | None = None,
        positive: Any = None,
        positive_is: str | None = None,
        cause: Varied | None = None,
    ) -> None:
        """Test a claim of the paper, record it and show its card.

        Args:
            id: that of its row in the table of the paper's claims.
            statement: what is tested here, in one sentence with its conditions.
            measured: a number, an array or a tensor of any shape, every element of which must
                satisfy the rule; for `improves` the paired differences (N,), for `slope` a pair
                (x, y). In the paper's own quantity.
            accept: a rule from this package, taken from the paper's statement.
            control: the same measurement, in the same shape, on a near miss: the same formula with
                one key step removed or disturbed, or the nearest competitor. The rule must reject
                it; of a contradiction the opposite rule must not accept it. Noise alone is no
                reason for either.
            control_is: what the control is.
            unit: of all measurements, shown after the numbers.
            drift: how far the numbers may move when the chapter is executed again: `absolute(x)`,
                `relative(x)` or `seeds()`, at most half way to the control; by default integers
                are exact, paired differences follow their interval, errors far below their bound
                are rounding errors, and other floats are closed forms.
            reconstructed: "consistent": what was filled in where the paper is not public.
            contradicted: why the opposite holds; the opposite rule must accept the measurement.
            not_at_this_scale: why the effect does not show; needs the next three.
            positive: an effect known to be there, measured in the same way; the rule must accept
                it, and would through the measurement's own noise.
            positive_is: what it is.
            cause: what was varied towards the paper's scale and beyond the chapter's, which must
                bring the claim nearer: by more than chance and by a tenth of what is lacking.

        Raises:
            ClaimError: names claim, rule and measurements, for whatever does not bear out its
                declaration and for every claim that could not have failed. Running a cell again
                replaces the entries it made; any other repetition is refused.
        """
        self._make(
            "claim",
            id,
            statement,
            measured=measured,
            accept=accept,
            control=control,
            control_is=control_is,
            unit=unit,
            drift=drift,
            reconstructed=reconstructed,
            contradicted=contradicted,
            not_at_this_scale=not_at_this_scale,
            positive=positive,
            positive_is=positive_is,
            cause=cause,
        )

    def check(
        self,
        id: str,
        statement: str,
        *,
        measured: Any,
        accept: Any,
        control: Any,
        control_is: str,
        unit: str = "",
        drift: Drift | None = None,
        nothing_nearer: str | None = None,
    ) -> None:
        """Check an identity, a solver against a second way, or a textbook case.

        Args:
            id: short name, unique in the chapter.
            statement: the identity in one sentence.
            measured: an error in absolute value, a count of differences, or numbers to be equal; of
                an inequality its violation, `np.maximum(0, b - a)`.
            accept: `equals`, `at_most` (the bound is the rounding that is allowed) or `slope`.
            control: the same on a slightly disturbed method, at most a hundred bounds away; where
                an exact number is expected, at most that number away.
            control_is: what the disturbance is.
            unit: of both.
            drift: as for `claim`.
            nothing_nearer: why no smaller disturbance exists, where the control is farther away or
                the measurement is a truth value.

        Raises:
            ClaimError: as for `claim`, and for a check that passes over small disturbances.
        """
        self._make(
            "check",
            id,
            statement,
            measured=measured,
            accept=accept,
            control=control,
            control_is=control_is,
            unit=unit,
            drift=drift,
            nothing_nearer=nothing_nearer,
        )

    def finding(
        self,
        id: str,
        statement: str,
        *,
        measured: Any,
        accept: Any,
        control: Any,
        control_is: str,
        unit: str = "",
        drift: Drift | None = None,
    ) -> None:
        """Record what we observed beyond the paper, our own variants included.

        Args and errors are those of `claim`; nothing can be declared of a finding.
        """
        self._make(
            "finding",
            id,
            statement,
            measured=measured,
            accept=accept,
            control=control,
            control_is=control_is,
            unit=unit,
            drift=drift,
        )

    def _make(self, kind: str, id: str, statement: str, **given: Any) -> None:
        """Judge an entry, record it and show its card."""
        try:
            self._admit(kind, id, statement)
            record = judge(kind=kind, chapter=self.chapter, id=id, statement=statement, **given)
            distinct(record, self._records.values())
        except ClaimError as error:
            raise self._refuse(kind, id, statement, given, error) from error.__cause__
        self._records[id] = record
        self._made_at[id] = notebook.execution_count()
        where = next((row.where for row in self._rows if row.id == id), "")
        data = {"text/html": cards.card(record, where), "text/plain": cards.card_text(record)}
        notebook.publish(data, {"repro": {"entry": copy.deepcopy(record)}})

    def _admit(self, kind: str, id: str, statement: str) -> None:
        """Refuse what the table of the paper's claims does not provide for.

        An entry whose cell is run again is forgotten, whether or not it passes this time.
        """
        says = " ".join(statement.split()) if isinstance(statement, str) else statement
        known = self._records.get(require_id("id", id))
        if known and known["statement"] == says and _is_later(self._made_at[id]):
            del self._records[id], self._made_at[id]
        row = next((row for row in self._rows if row.id == id), None)
        if kind == "claim" and row is None:
            raise ClaimError(
                "the table of the paper's claims has no such id: add a Stated row to "
                "ledger.paper, or make this a finding"
            )
        if row is not None and (kind != "claim" or row.untested):
            wrong = f"a {kind}" if kind != "claim" else f"{row.untested} there"
            raise ClaimError(f"the table of the paper's claims has this id, but this is {wrong}")

    def _refuse(
        self, kind: str, id: Any, statement: Any, given: dict[str, Any], error: ClaimError
    ) -> ClaimError:
        """Show the refusal as a card and return the full error."""
        rule, unit = given["accept"], given["unit"]
        rows = {
            "Rule": glimpse(rule),
            "Measured": shown(rule, given["measured"], unit),
            "Control": f"{shown(rule, given['control'], unit)} ({given['control_is']})",
        }
        if given.get("positive") is not None:
            positive = shown(rule, given["positive"], unit)
            rows["Positive"] = f"{positive} ({given['positive_is']})"
        data = {
            "text/html": cards.refused_card(str(statement), rows, str(error)),
            "text/plain": f"{kind} {id} | refused",
        }
        notebook.publish(data)
        facts = "\n".join(f"  {label.lower() + ':':10}{text}" for label, text in rows.items())
        return ClaimError(f"{kind} {id!r} of chapter {self.chapter!r} is refused: {error}\n{facts}")

    def __repr__(self) -> str:
        return cards.ledger_text(self._rows, list(self._records.values()))

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """HTML and plain text, marked so that both can be drawn again from the records."""
        records = list(self._records.values())
        html = cards.ledger(self._rows, records)
        data = {"text/html": html, "text/plain": cards.ledger_text(self._rows, records)}
        return data, {"repro": {"ledger": True}}


def _is_later(then: int | None) -> bool:
    """Whether a notebook has gone on to another execution of a cell since `then`."""
    now = notebook.execution_count()
    return now is not None and then is not None and now > then
