"""Stored outputs: present, canonical, clean, the same on every machine."""

import base64
import json

import pytest
from breaking import (
    assert_named,
    cases,
    edit,
    forget_outputs,
    messages,
    of_module,
    picture,
    show,
    text,
)
from nbformat.v4 import new_output

from press.checks import stored

BREAKS = {
    "refreshed": [
        (forget_outputs, "has no stored outputs"),
        (lambda nb: nb.metadata.repro.pop("seconds"), "lacks repro.seconds"),
    ],
    "clean": [
        (lambda nb: text(nb, "See /home/someone/notes."), "in its text: `/home/someone`"),
        (lambda nb: show(nb, new_output("stream", text="/tmp/x")), "in its output: `/tmp/`"),
        (lambda nb: show(nb, picture({"text/html": "C:\\Users\\me"})), "leaks a machine path"),
        (lambda nb: nb.metadata.repro.update(data="/root/data"), "metadata leaks"),
        (
            lambda nb: show(nb, new_output("stream", name="stderr", text="a\nOldWarning: b\n")),
            "stores a warning: `OldWarning: b`",
        ),
        (lambda nb: show(nb, new_output("error", ename="KeyError")), "stores an error: KeyError"),
    ],
    "portable": [
        (lambda nb: show(nb, new_output("stream", text="<X at 0x7f3a5c0de1>")), "memory address"),
        (lambda nb: show(nb, picture({"text/plain": "0.12345678"})), "prints `0.12345678`"),
    ],
}  # fmt: skip


@cases(BREAKS)
def test_every_fault_is_found_and_named(sample, check, damage, cause):
    assert_named(sample, check, damage, cause)


def test_every_check_is_tested():
    assert set(BREAKS) | {"canonical"} == of_module(stored)


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda nb: nb["cells"][2].update(execution_count=3), "execution counts"),
        (lambda nb: nb["metadata"].update(widgets={}), "editor or widget metadata"),
        (lambda nb: nb["cells"][2]["metadata"].update(collapsed=True), "layout, folds, numbers"),
        (lambda nb: nb["metadata"]["repro"].update(seconds=3.0), "layout, folds, numbers"),
        (lambda nb: nb["cells"][2]["metadata"].pop("jupyter"), "layout, folds, numbers"),
        (lambda nb: nb["metadata"]["repro"].update(seed=2**53 + 1), "Store it as text"),
    ],
)
def test_canonical_form(sample, damage, cause):
    notebook = json.loads(sample.read_text())
    damage(notebook)
    sample.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    (told,) = messages(sample, "canonical")
    assert cause in told
    assert "make refresh CH=sample" in told


def test_bitmaps_are_not_searched_for_paths(sample):
    path = base64.b64encode(base64.b64decode("AA/tmp/AAAAA")).decode()
    assert "/tmp/" in path
    html = f'<img alt="a" src="data:image/webp;base64,{path}">'
    edit(sample, lambda nb: show(nb, picture({"image/png": path, "text/html": html}, alt="a")))
    assert messages(sample, "clean") == []


def test_an_error_that_is_meant_is_no_fault(sample):
    def damage(nb):
        show(nb, new_output("error", ename="KeyError"))
        nb.cells[-1].metadata["tags"] = ["raises-exception"]

    edit(sample, damage)
    assert messages(sample, "clean") == []
