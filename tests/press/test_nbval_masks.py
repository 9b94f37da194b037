"""What nbval sees of a claim: measured numbers may change, rules and verdicts may not."""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
CELLS = [
    "import repro\n"
    "from repro.claims import Ledger, at_most\n"
    "from repro.report import measured, say, table\n"
    'ledger = Ledger("demo")',
    'ledger.claim("small", "The error is small", kind="value", paper="Table 1",\n'
    "             measured=[0.12345, 0.23456], accept=at_most(0.5), control=[0.75, 0.8],\n"
    '             control_is="a random answer", unit="%")',
    'say("The error is {error:.3f} over {n} runs.", error=0.17901, n=2)',
    'table([["ours", 0.17901], ["random", measured(0.775)]], columns=["method", "error"])',
    "ledger",
]
FLOAT = re.compile(r"0\.\d+")


def jitter(output):
    """Change every float in HTML and metadata."""
    rich = output["data"]["text/html"]
    spans = r'(?<=<span class="measured">)[^<]*'
    output["data"]["text/html"] = re.sub(spans, lambda m: FLOAT.sub("0.4321", m[0]), rich)
    if "repro" in output["metadata"]:
        output["metadata"]["repro"]["claim"]["measured"]["value"] = [0.4321, 0.4321]


def swap(old, new, mime):
    """Return an edit that replaces text in one form of an output."""

    def edit(output):
        assert old in output["data"].get(mime, old)
        output["data"][mime] = output["data"][mime].replace(old, new)

    return edit


# Name of the copy: (which cells' outputs are edited, how, whether nbval must pass).
EDITS = {
    "same": ([], None, True),
    "floats": ([1, 2, 3, 4], jitter, True),
    "no_metadata": ([1], lambda output: output["metadata"].clear(), True),
    "verdict": ([1], swap("reproduced", "contradicted", "text/plain"), False),
    "verdict_html": ([1], swap("reproduced", "contradicted", "text/html"), False),
    "rule": ([1], swap("at most 0.5", "at most 0.6", "text/plain"), False),
    "rule_html": ([1], swap("at most 0.5", "at most 0.6", "text/html"), False),
    "control_is": ([1], swap("a random", "another", "text/html"), False),
    "ledger": ([4], swap("reproduced", "contradicted", "text/plain"), False),
    "ledger_html": ([4], swap("at most 0.5", "at most 0.6", "text/html"), False),
    "whole_number": ([2], swap("over 2 runs", "over 3 runs", "text/html"), False),
    "table": ([3], swap("random", "chance", "text/plain"), False),
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Execute a notebook, edit copies of it, verify all with nbval: {copy: passed}."""
    folder = tmp_path_factory.mktemp("masks")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    client = NotebookClient(notebook, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    for name, (cells, edit, _) in EDITS.items():
        edited = copy.deepcopy(notebook)
        for cell in cells:
            edit(edited.cells[cell].outputs[0])
        nbformat.write(edited, folder / f"{name}.ipynb")
    options = ["-q", "-rA", "--nbval", f"--nbval-sanitize-with={ROOT / '.nbval-sanitize.cfg'}"]
    command = [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider", "--color=no"]
    result = subprocess.run(
        [*command, f"--rootdir={folder}", "-c", os.devnull, "."],
        cwd=folder, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    verdicts = dict.fromkeys(EDITS, True)
    for status, name in re.findall(r"^(PASSED|FAILED|ERROR) (\w+)\.ipynb", result.stdout, re.M):
        verdicts[name] &= status == "PASSED"
    assert result.stdout.count("PASSED ") + result.stdout.count("FAILED ") >= 5 * len(EDITS), (
        result.stdout + result.stderr
    )
    return verdicts


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_nbval_masks_measured_numbers_and_nothing_else(outcome, name):
    assert outcome[name] == EDITS[name][2]
