"""The methods of the chapters as modules: `repro.methods.sttn` holds that of chapter `sttn`.

These modules have no files of their own: importing one runs the cells tagged `method` of the
chapter's notebook. The finder below is in place as soon as this package is, in every process,
so that whatever names such a module can import it: pickle, `torch.load`, a spawned worker.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from repro.chapters import ChapterError, digest, find, method_cells, read

__path__: list[str] = []  # no folder: all submodules come from the finder


class MethodFinder(MetaPathFinder):
    """Finds `repro.methods.SLUG` in the notebook of that chapter."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What to load, or None for a module outside this package.

        Args:
            fullname: name of the module wanted.
            path: where its package looks for modules; not used.
            target: the module to be reloaded; not used.

        Raises:
            ModuleNotFoundError: there is no such chapter.
        """
        package, _, slug = fullname.rpartition(".")
        if package != __name__:
            return None
        try:
            notebook = find(slug)
        except ChapterError as error:
            raise ModuleNotFoundError(str(error), name=fullname) from error
        return ModuleSpec(fullname, MethodLoader(slug, notebook), origin=str(notebook))


class MethodLoader(Loader):
    """Runs the method cells of one chapter in the namespace of a module.

    Args:
        slug: the chapter's name.
        notebook: its file.

    Attributes:
        digest: SHA-256 of the cells' sources.

    Raises:
        ChapterError: the file is not a notebook, or has no method cell.
    """

    def __init__(self, slug: str, notebook: Path) -> None:
        self.slug = slug
        self._cells = method_cells(read(notebook))
        if not self._cells:
            raise ChapterError(
                f"chapter {slug} has no code cell tagged `method`: nothing to import"
            )
        self.digest = digest(self._cells)

    def exec_module(self, module: ModuleType) -> None:
        """Run the cells, as if they stood one below the other in one file.

        Tracebacks name the cell, and count lines through that file, which they and
        `inspect.getsource` find in Python's cache of source lines.

        Args:
            module: in whose namespace.

        Raises:
            ChapterError: a cell fails; carries the original error as cause.
        """
        module.__doc__ = f"Method of chapter {self.slug}."
        module.__file__ = f"<chapter {self.slug}>"
        whole = "".join(f"{source}\n" for _, source in self._cells)
        _remember(module.__file__, whole)
        above = 0
        for number, source in self._cells:
            name = f"<chapter {self.slug}, cell {number}>"
            _remember(name, whole)
            try:
                code = compile("\n" * above + source, name, "exec", dont_inherit=True)
                exec(code, vars(module))
            except Exception as error:
                raise ChapterError(
                    f"chapter {self.slug}, cell {number} (tagged `method`) failed: "
                    f"{type(error).__name__}: {error}. Method cells run alone, so they must "
                    "import what they use and need nothing from other cells"
                ) from error
            above += source.count("\n") + 1


def _remember(name: str, source: str) -> None:
    """Let tracebacks and `inspect` find the lines of a file that does not exist."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)


sys.meta_path.append(MethodFinder())
