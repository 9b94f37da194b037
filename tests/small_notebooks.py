"""A book of small notebooks for the tests of chapters and of their methods."""

import nbformat


def cell(source, *tags):
    """A code cell with tags."""
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


METHOD = [
    nbformat.v4.new_markdown_cell("# Title"),
    cell("raise RuntimeError('must not run')"),
    cell("import numpy as np\n\n\ndef double(x):\n    return 2 * np.asarray(x)", "method"),
    cell(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n\n\n@dataclass\nclass Pair:\n    a: int",
        "method",
    ),
    cell("def quadruple(x):\n    return double(double(x))", "method"),
    nbformat.v4.new_markdown_cell("a note", metadata={"tags": ["method"]}),
]


def write(root, name, cells=METHOD):
    """Write the notebook `PART/SLUG` of the book in `root`; its path."""
    path = root / "chapters" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path
