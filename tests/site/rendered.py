"""Where the rendered site is, which pages it has, and one page of each kind."""

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
LANDING = "index.html"
SCOREBOARD = "chapters/appendix/scoreboard.html"
BENCHMARKS = "chapters/appendix/benchmarks.html"
APPENDIX = "chapters/appendix/notation.html"
PART = next((page for page in PAGES if page.endswith("/index.html")), LANDING)
#: The chapter with most figures that move: what holds there for several holds for one.
CHAPTER = max(
    CHAPTERS,
    key=lambda page: (SITE / page).read_text("utf-8").count('class="repro-explore"'),
    default="",
)
KINDS = {
    "landing": LANDING,
    "part": PART,
    "chapter": CHAPTER,
    "scoreboard": SCOREBOARD,
    "benchmarks": BENCHMARKS,
    "appendix": APPENDIX,
}
