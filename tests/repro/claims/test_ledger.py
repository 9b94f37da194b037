"""The ledger in Python and in a notebook: what it keeps, shows, replaces and refuses."""

import subprocess
import sys

import numpy as np
import pytest
from small_entries import CHECK, CLAIM, SCALE

from repro.claims import ClaimError, Ledger, Stated, at_most

ROW = Stated("a", "A beats B", "2 points (table 1)")


@pytest.fixture
def ledger():
    ledger = Ledger("demo")
    ledger.paper(ROW)
    return ledger


def test_an_entry_is_recorded_as_plain_json(ledger):
    ledger.claim("a", **CLAIM)
    assert ledger.records == [
        {
            "kind": "claim",
            "chapter": "demo",
            "id": "a",
            "statement": "With five seeds A beats B",
            "rule": {
                "name": "improves",
                "args": {"confidence": 0.95, "by": 0},
                "text": "mean paired difference above 0 (95 % interval)",
            },
            "measured": {
                "value": [0.9, 1.1, 1, 1.2, 0.8],
                "text": "1 [0.8037, 1.196] points, n = 5 pairs",
            },
            "control": {
                "value": [-0.2, 0.3, 0.1, -0.1, 0.05],
                "text": "0.03 [-0.2088, 0.2688] points, n = 5 pairs",
            },
            "control_is": "A without its key step",
            "verdict": "reproduced",
            "reason": "",
            "unit": "points",
            "drift": {
                "name": "seeds",
                "by": 2,
                "text": "mean within 2 times half its interval over seeds",
            },
            "positive": None,
            "positive_is": "",
            "cause": None,
            "nothing_nearer": "",
        }
    ]
    assert ledger.rows == [ROW]


def test_entries_keep_their_order(ledger):
    ledger.check("c", **CHECK)
    ledger.claim("a", **CLAIM)
    ledger.finding("f", **(CLAIM | {"statement": "C", "control": [-1, -2, -3, -2, -1]}))
    assert [(r["kind"], r["id"]) for r in ledger.records] == [
        ("check", "c"),
        ("claim", "a"),
        ("finding", "f"),
    ]


def test_an_array_or_record_changed_afterwards_changes_nothing(ledger):
    values = np.array(CLAIM["measured"])
    ledger.claim("a", **(CLAIM | {"measured": values}))
    before = ledger.records
    values[:] = 9
    changed = ledger.records[0]
    changed["verdict"] = "contradicted"
    changed["measured"]["value"][0] = 9
    assert ledger.records == before


@pytest.mark.parametrize("name", ["", "a b", "a|b", "-a", "a\n", "а", None, 3, ["a"]])
def test_malformed_names_are_refused(ledger, name):
    with pytest.raises(ClaimError, match="id must be letters"):
        ledger.check(name, **CHECK)
    with pytest.raises(ClaimError, match="chapter must be letters"):
        Ledger(name)
    assert ledger.records == []


def test_a_refusal_names_everything_that_was_given(refused):
    message = refused("could not have seen the effect", **(SCALE | {"positive": [-1, 1, 2, 3, -5]}))
    assert message.splitlines()[1:] == [
        "  rule:     mean paired difference above 0 (95 % interval)",
        "  measured: -0.06 [-0.5128, 0.3928] points, n = 5 pairs",
        "  control:  -1.55 [-2.241, -0.8587] points, n = 5 pairs (A without its key step)",
        "  positive: 0 [-3.926, 3.926] points, n = 5 pairs (a baseline without augmentation)",
    ]


def test_an_object_whose_repr_fails_is_still_named(refused):
    class Rude:
        def __repr__(self):
            raise RuntimeError

    assert "an object of type Rude" in refused("type Rude", measured=Rude())
    assert "an object of type Rude" in refused("accept must be a rule", accept=Rude())
    assert "ndarray of shape (5,)" in refused("NaN", measured=np.full(5, np.nan))


# In a notebook.


@pytest.fixture
def shell():
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    yield InteractiveShell.instance(config=config)
    InteractiveShell.clear_instance()


@pytest.fixture
def run(shell, ledger):
    """Run a cell; returns its displayed outputs and the exception, if any."""
    from IPython.utils.capture import capture_output

    def run_cell(code, **names):
        shell.push({"ledger": ledger, "Stated": Stated, **names})
        with capture_output() as captured:
            result = shell.run_cell(code, store_history=True)
        return captured.outputs, result.error_in_exec

    return run_cell


MAKE = 'ledger.claim("a", **claim)'


def test_a_card_carries_its_record(run, ledger):
    (output,), error = run(MAKE, claim=CLAIM)
    assert error is None and output.metadata == {"repro": {"entry": ledger.records[0]}}
    assert set(output.data) == {"text/html", "text/plain"}
    assert "2 points (table 1)" in output.data["text/html"]


def test_the_table_of_the_paper_carries_its_rows(run):
    run("0")  # a cell in between: only a later one may declare the table again
    (output,), error = run('ledger.paper(Stated("b", "A", "table 2"))')
    assert error is None
    row = {"id": "b", "says": "A", "where": "table 2", "out_of_reach": "", "undecided": ""}
    assert output.metadata == {"repro": {"paper": [row]}}


def test_the_ledger_is_shown_as_a_drawing_of_its_records(run):
    run(MAKE, claim=CLAIM)
    outputs, error = run("display(ledger)")
    assert error is None and outputs[0].metadata["repro"] == {"ledger": True}
    assert "1 of 1 claim tested" in outputs[0].data["text/html"]


def test_a_cell_run_again_replaces_its_entry(run, ledger):
    run(MAKE, claim=CLAIM)
    again = CLAIM | {"control": [-1, -2, -3, -2, -1]}
    _, error = run(MAKE, claim=again)
    assert error is None and [r["control"]["value"] for r in ledger.records] == [again["control"]]


def test_an_entry_made_twice_in_one_cell_is_refused(run):
    _, error = run(f"{MAKE}\n{MAKE}", claim=CLAIM)
    assert isinstance(error, ClaimError) and "used already" in str(error)
    other = "ledger.claim('a', **(claim | {'statement': 'Another'}))"
    _, error = run(other, claim=CLAIM)
    assert isinstance(error, ClaimError) and "run the cell that makes the ledger again" in str(
        error
    )


def test_a_refusal_shows_a_card_and_drops_what_it_replaces(run, ledger):
    run(MAKE, claim=CLAIM)
    outputs, error = run(MAKE, claim=CLAIM | {"measured": [-1, -2, 1, 0, 3]})
    assert isinstance(error, ClaimError) and ledger.records == []
    assert outputs[0].data["text/plain"] == "claim a | refused"
    assert "claim--refused" in outputs[0].data["text/html"] and outputs[0].metadata == {}


def test_the_table_is_declared_again_only_by_running_its_cell_again(run, ledger):
    declare = "ledger.paper(*rows)"
    ledger = Ledger("demo")
    assert run(declare, ledger=ledger, rows=[ROW])[1] is None
    rows = [ROW, Stated("b", "A", "table 2")]
    assert run(declare, ledger=ledger, rows=rows)[1] is None and ledger.rows == rows
    _, error = run(f"{declare}\n{declare}", ledger=ledger, rows=rows)
    assert isinstance(error, ClaimError) and "declared already" in str(error)


def test_importing_claims_loads_no_large_library():
    code = (
        "import sys, repro.claims\n"
        "ledger = repro.claims.Ledger('demo')\n"
        "ledger.check('a', 'x', measured=0.0, accept=repro.claims.at_most(1), control=2.0, "
        "control_is='y')\n"
        "print([m for m in ('torch', 'scipy', 'matplotlib', 'IPython') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_a_rule_is_copied(ledger):
    rule = at_most(1e-12)
    ledger.check("c", **(CHECK | {"accept": rule}))
    object.__setattr__(rule, "bound", 9.0)
    assert ledger.records[0]["rule"]["args"] == {"bound": 1e-12}
