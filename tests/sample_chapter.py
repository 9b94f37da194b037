"""A small chapter that passes every check: the template, filled in."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from press.canonical import canonical
from press.checks.anatomy import UNWRITTEN
from press.commands.new import new
from press.commands.refresh import refresh

PART, SLUG, KEY = "binarization", "sample", "sample2020"
TOC = """\
format: jb-book
root: index
parts:
  # the last one
  - caption: Appendix
    chapters:
      - file: chapters/appendix/scoreboard
"""
BIBLIOGRAPHY = f"""\
@article{{{KEY},
  author = {{Sample, Sam}},
  title = {{A sample}},
  year = {{2020}},
  doi = {{10.1/sample}},
}}
"""
CITATION = f'[Sample (2020)](https://doi.org/10.1/sample "{KEY}")'
PROSE = "The text of this chapter stands for an argument that a reader could follow. " * 13
DOUBLED = '''\
def doubled(power: int) -> int:
    """Two to a power, by doubling."""
    value = 1
    for _ in range(power):
        value = value + value
    return value
'''
CHECKS = """\
for power in (1, 2):
    ledger.check(
        f"power-{power}",
        f"Two to the {power} is found by doubling",
        measured=doubled(power) - 2**power,
        accept=equals(0),
        control=doubled(power) - 2**power + 1,
        control_is="counting from one",
    )
"""
ROW = '    Stated("far-{0}", "Claim {0} of the paper", "table {0}", out_of_reach="no data"),\n'


def tagged(notebook: NotebookNode, tag: str) -> int:
    """Place of the first cell with a tag."""
    cells = enumerate(notebook.cells)
    return next(place for place, cell in cells if tag in cell.metadata.get("tags", []))


def fill(notebook: NotebookNode) -> None:
    """Write what the template leaves unwritten."""
    for cell in notebook.cells:
        text = PROSE if cell.cell_type == "markdown" else "Here:"
        cell.source = cell.source.replace(f"\n{UNWRITTEN}", f"\n{text}")
        cell.source = cell.source.replace(UNWRITTEN, "As follows:")
        cell.source = cell.source.replace("at_most,", "at_most, equals,")
        cell.source = cell.source.replace("range(8, 32)", "range(16, 20, 2)")  # quick to draw
        if "ledger.paper(" in cell.source:
            rows = "".join(ROW.format(number) for number in range(1, 5))
            cell.source = cell.source.removesuffix(")") + rows + ")"
    notebook.cells[1].source += f" See {CITATION}."
    place = tagged(notebook, "method") + 1
    notebook.cells.insert(place, new_code_cell(DOUBLED, metadata={"tags": ["method"]}))
    place = tagged(notebook, "check") + 1
    notebook.cells.insert(place, new_code_cell(CHECKS, metadata={"tags": ["check"]}))
    told = notebook.metadata.repro
    told |= {"paper": KEY, "summary": "A sample.", "scale": "all of it", "data": "synthetic"}


def write_sample() -> Path:
    """Write the chapter into the book in use and execute it; returns its path."""
    path = new(PART, SLUG)[0]
    notebook = nbformat.read(path, as_version=4)
    fill(notebook)
    path.write_text(canonical(notebook), encoding="utf-8")
    refresh(path)
    return path
