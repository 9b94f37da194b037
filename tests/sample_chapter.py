"""A small chapter that passes every check: the template, filled in."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

from press.checks.text import UNWRITTEN
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
BIBLIOGRAPHY = f"@article{{{KEY},\n  title = {{A sample}},\n}}\n"
PROSE = "The text of this chapter stands for an argument that a reader could follow. " * 12
CLAIMS = """\
for power in range(4):
    ledger.claim(
        f"power-{power}",
        f"Two to the {power} is found by doubling",
        kind="exact",
        paper="the definition",
        measured=doubled(power) - 2**power,
        accept=equals(0),
        control=doubled(power + 1) - 2**power,
        control_is="doubling once too often",
    )
"""
DOUBLED = '''\
def doubled(power: int) -> int:
    """Two to a power, by doubling."""
    value = 1
    for _ in range(power):
        value = value + value
    return value
'''
PADDING = "\n".join(f"quantity_{{0}}_{number} = {number}" for number in range(20))


def is_method(cell):
    """Whether a cell is tagged ``method``."""
    return "method" in cell.metadata.get("tags", [])


def write_sample():
    """Write the chapter into the book in use and execute it."""
    path = new(PART, SLUG)[0]
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if UNWRITTEN in cell.source:
            fill = PROSE if cell.cell_type == "markdown" else "Here:"
            cell.source = cell.source.replace(f"\n{UNWRITTEN}", f"\n{fill}")
            cell.source = cell.source.replace(UNWRITTEN, "As follows:")
    notebook.cells[1].source += f" See {{cite:t}}`{KEY}`."
    notebook.cells[2].source = notebook.cells[2].source.replace("at_most", "at_most, equals")
    place = next(i for i, cell in enumerate(notebook.cells) if is_method(cell)) + 1
    method = new_code_cell(DOUBLED, metadata={"tags": ["method"]})
    padding = [new_code_cell(PADDING.format(number)) for number in range(3)]
    results = [new_markdown_cell(PROSE), new_code_cell(CLAIMS)]
    notebook.cells[place:place] = [method, *padding, *results]
    told = notebook.metadata.repro
    told |= {"paper": KEY, "summary": "A sample.", "scale": "all of it", "data": "synthetic"}
    nbformat.write(notebook, path)
    refresh(path)
