"""The ledger of the whole book, read and judged again from stored outputs."""

import copy
import json
import math

import numpy as np
import pytest

from repro.claims import ClaimError, cards, collect, equals, improves
from repro.claims.verdicts import judge

CLAIM = {
    "statement": "The difference is zero",
    "kind": "exact",
    "paper": "eq. 5",
    "measured": np.zeros(3),
    "accept": equals(0),
    "control": np.array([0.0, 0.25, 0.5]),
    "control_is": "thresholding the real kernel instead",
}


def output(record):
    return {
        "output_type": "display_data",
        "data": {
            "text/html": cards.card(record).splitlines(keepends=True),
            "text/plain": [cards.card_text(record)],
        },
        "metadata": {"repro": {"claim": record}},
    }


@pytest.fixture
def store(tmp_path):
    """Write a notebook with the given outputs; returns its path."""

    def write(*outputs, name="demo"):
        cells = [{"cell_type": "markdown", "source": []}]
        cells += [{"cell_type": "code", "source": [], "outputs": [o]} for o in outputs]
        path = tmp_path / f"{name}.ipynb"
        path.write_text(json.dumps({"cells": cells}))
        return path

    return write


def record_of(id="a", **changes):
    return judge(chapter="demo", id=id, **(CLAIM | changes))


def test_collect_reads_the_records_in_order(store):
    records = [
        record_of(
            "b",
            statement="One",
            measured=[1, 2, 3, 4, 5],
            accept=improves(),
            control=[1, -1, 0.5, -0.5, 0.1],
        ),
        record_of("a", statement="Two", measured=np.zeros(400), control=np.ones(400)),
        record_of("c", statement="Three", accept=equals([0, 0, 0]), reconstructed="gaps"),
        record_of("d", statement="Four", measured=[1, 2, 3], contradicted="never"),
    ]
    stream = {"output_type": "stream", "text": ["hello"]}
    assert collect([store(stream, *map(output, records))]) == records
    assert collect([]) == []


def test_collect_reads_the_chapters_of_the_book_by_default(store, monkeypatch):
    import repro.chapters

    path = store(output(record_of()))
    monkeypatch.setattr(repro.chapters, "paths", lambda: {"demo": path}, raising=False)
    assert collect() == [record_of()]


EDITS = {
    "measured value": lambda r: r["measured"].update(value=[0, 0, 1]),
    "measured text": lambda r: r["measured"].update(text="1"),
    "measured NaN": lambda r: r["measured"].update(value=math.nan),
    "measured gone": lambda r: r.pop("measured"),
    "measured form": lambda r: r.update(measured=0),
    "control accepted": lambda r: r["control"].update(value=[0, 0, 0]),
    "control other": lambda r: r["control"].update(value=[1, 1, 1]),
    "control flag": lambda r: r.update(control_rejected=False),
    "rule loosened": lambda r: r["rule"].update(name="at_most", args={"bound": 9}),
    "rule vacuous": lambda r: r["rule"].update(name="at_most", args={"bound": math.inf}),
    "rule text": lambda r: r["rule"].update(text="equals 1"),
    "rule gone": lambda r: r["rule"].pop("args"),
    "verdict": lambda r: r.update(verdict="not at this scale", reason="small"),
    "verdict unknown": lambda r: r.update(verdict="proved"),
    "reason": lambda r: r.update(reason="because"),
    "statement": lambda r: r.update(statement="Something stronger"),
    "paper": lambda r: r.update(paper="eq. 6"),
    "chapter": lambda r: r.update(chapter="other"),
    "extra key": lambda r: r.update(note="x"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edited_record_is_refused(store, edit):
    stored = output(record_of())
    edit(stored["metadata"]["repro"]["claim"])
    with pytest.raises(ClaimError, match="chapter 'demo', cell 2: claim 'a'"):
        collect([store(stored)])


def test_an_edited_card_is_refused(store):
    for mime, old, new in [
        ("text/html", "0 (all 3)", "0 (all 4)"),
        ("text/html", "reproduced", "contradicted"),
        ("text/plain", "equals 0", "equals 1"),
    ]:
        stored = output(record_of())
        stored["data"][mime] = [line.replace(old, new) for line in stored["data"][mime]]
        with pytest.raises(ClaimError, match="does not show its record"):
            collect([store(stored)])


def test_a_card_without_its_record_is_refused(store):
    stored = output(record_of()) | {"metadata": {}}
    with pytest.raises(ClaimError, match="this card has no record"):
        collect([store(stored)])


def test_a_record_that_is_none_is_refused(store):
    stored = output(record_of()) | {"metadata": {"repro": {"claim": "reproduced"}}}
    with pytest.raises(ClaimError, match="malformed"):
        collect([store(stored)])


def test_collect_refuses_repetitions_and_foreign_claims(store):
    first, second = output(record_of()), output(record_of(statement="Another"))
    with pytest.raises(ClaimError, match="cell 3: claim 'a' is made twice"):
        collect([store(first, second)])
    with pytest.raises(ClaimError, match="repeats the statement"):
        collect([store(first, output(record_of("b")))])
    with pytest.raises(ClaimError, match="belongs to chapter 'demo'"):
        collect([store(first, name="other")])


def test_collect_names_a_file_that_is_no_notebook(tmp_path):
    for text in ("{", "[]", "{}"):
        path = tmp_path / "demo.ipynb"
        path.write_text(text)
        with pytest.raises(ClaimError, match=r"demo\.ipynb is not a notebook"):
            collect([path])


def test_numbers_that_an_editor_rewrote_are_still_accepted(store):
    # JupyterLab stores 1.0 as 1: the same number.
    record = record_of(measured=[0.0, 0.0], control=[1.0, 2.0])
    rewritten = copy.deepcopy(record)
    rewritten["measured"]["value"], rewritten["control"]["value"] = [0, 0], [1, 2]
    stored = output(record) | {"metadata": {"repro": {"claim": rewritten}}}
    assert collect([store(stored)]) == [record]
