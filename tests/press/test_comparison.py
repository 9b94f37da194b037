"""Records against records: missing, added or out of their band; the drawings are not compared."""

import copy

import pytest
from nbformat import from_dict

from press.comparison import differences, drawn
from repro import notebook
from repro.claims import Ledger, Stated, at_most


@pytest.fixture(scope="module")
def outputs():
    """What a small ledger publishes: the paper's claims, one claim, one check, the ledger."""
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            notebook,
            "publish",
            lambda data, metadata: made.append({"data": data, "metadata": metadata}),
        )
        ledger = Ledger("demo")
        ledger.paper(Stated("small", "The error is small", "3 % (table 1)"))
        ledger.claim(
            "small", "On digits the error is small", measured=[0.012, 0.023, 0.017],
            accept=at_most(0.5), control=[0.75, 0.8, 0.9], control_is="a random answer",
        )  # fmt: skip
        ledger.check(
            "sum", "The sum is right", measured=1e-15, accept=at_most(1e-12), control=1e-11,
            control_is="one term off by 1e-11",
        )  # fmt: skip
    made.append({"data": {"text/plain": "ledger"}, "metadata": {"repro": {"ledger": True}}})
    made.append({"data": {"text/plain": "2"}, "metadata": {}})
    made.append({"text": "said\n"})
    return [from_dict(output) for output in made]


@pytest.fixture
def new(outputs):
    """A copy, to be changed."""
    return copy.deepcopy(outputs)


def test_what_is_drawn_from_records(outputs):
    assert [drawn(output) for output in outputs] == [True] * 4 + [False] * 2


def test_the_same_records_and_other_drawings(outputs, new):
    for output in new:
        output.data = {"text/html": "another design"}
    assert differences(outputs, new) == []


def test_a_number_out_of_its_band_names_claim_numbers_and_band(outputs, new):
    new[1].metadata.repro.entry.measured = from_dict(new[1].metadata.repro.entry.control)
    (found,) = differences(outputs, new)
    assert found.startswith("claim 'small': measured was ")
    assert "0.023" in found and "0.9" in found and "outside its band" in found


def test_an_entry_that_is_missing_or_added(outputs, new):
    del new[2]
    assert differences(outputs, new) == ["check 'sum' is stored, but the cell no longer makes it"]
    assert differences(new, outputs) == ["check 'sum' is made by the cell, but not stored"]


def test_rows_of_the_papers_claims(outputs, new):
    new[0].metadata.repro.paper[0].figure = "4 %"
    gone, more = differences(outputs, new)
    assert "stored, but the cell no longer shows it: {'id': 'small'" in gone
    assert "shown by the cell, but not stored: {'id': 'small'" in more
    rows = outputs[0].metadata.repro.paper
    several = [from_dict({"metadata": {"repro": {"paper": [*rows, {"id": "two"}]}}})]
    turned = [from_dict({"metadata": {"repro": {"paper": [{"id": "two"}, *rows]}}})]
    assert differences(several, turned) == ["the rows of the paper's claims are in another order"]


def test_the_ledger_is_shown_as_often_as_it_is_stored(outputs, new):
    del new[3]
    assert differences(outputs, new) == ["ledgers shown: 0, stored: 1"]
