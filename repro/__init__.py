"""Shared package of "Thirty-Three Papers, Reproduced".

Importing it first, before NumPy and torch, caps threads and instruction sets so that the same
seed gives the same numbers on every machine (see `repro.determinism`). It loads neither
torch nor any other large library.
"""

from repro import determinism

determinism.cap()

from repro.chapters import chapter  # noqa: E402  (the caps come first)

__all__ = ["chapter"]
