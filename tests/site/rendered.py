"""Where the rendered site is, and which pages it has."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(os.environ.get("BOOK_SITE", ROOT / "_build" / "html"))
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for path in SITE.rglob("*.html")
    if path.relative_to(SITE).parts[0] not in ("_static", "_sources")
)
CHAPTERS = [page for page in PAGES if (SITE / "_sources" / page).with_suffix(".ipynb").exists()]
