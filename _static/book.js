// What the pages do beyond the theme: filter the scoreboard, keep long formulas in the column, and
// search pages that are opened from disk. Everything stays readable without it.
(() => {
  "use strict";

  // Sphinx fetches each result to show an excerpt, which browsers refuse to pages on disk.
  if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  }

  function filterScoreboard(board) {
    const form = board.querySelector("form");
    const rows = [...board.querySelectorAll(".scoreboard__claim")];
    const words = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    function apply() {
      const wanted = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const chapter = row.closest("tbody");
        const heading = chapter.querySelector(".scoreboard__chapter").textContent.toLowerCase();
        const fits =
          wanted.every((word) => words.get(row).includes(word) || heading.includes(word)) &&
          (!form.part.value || chapter.dataset.part === form.part.value) &&
          (!form.verdict.value || row.dataset.verdict === form.verdict.value);
        row.hidden = !fits;
        shown += fits;
      }
      for (const chapter of board.querySelectorAll("tbody")) {
        chapter.hidden = !chapter.querySelector(".scoreboard__claim:not([hidden])");
      }
      form.querySelector("output").value = `${shown} of ${rows.length} claims`;
    }
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    apply(); // a reload may have kept what was typed
  }

  // An inline formula cannot break; one that is wider than its paragraph scrolls in its own line.
  function keepFormulasInside() {
    for (const formula of document.querySelectorAll(".bd-article span.math")) {
      formula.classList.remove("math--wide");
      const column = formula.parentElement.closest("p, li, td, th, dd, div");
      const picture = formula.querySelector("mjx-container");
      if (column && picture && picture.getBoundingClientRect().width > column.clientWidth) {
        formula.classList.add("math--wide");
      }
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".scoreboard").forEach(filterScoreboard);
    const typeset = window.MathJax?.startup?.promise;
    if (typeset) {
      typeset.then(keepFormulasInside);
      addEventListener("resize", keepFormulasInside);
    }
  });
})();
