// Filters of the scoreboard, which is whole without them.
(() => {
  "use strict";

  function filterScoreboard(board) {
    const form = board.querySelector("form");
    const others = board.querySelector("details");
    const rows = [...board.querySelectorAll(".scoreboard__entry")];
    const heading = (row) => row.closest("tbody").querySelector(".scoreboard__chapter");
    const words = new Map(
      rows.map((row) => [row, `${row.textContent} ${heading(row).textContent}`.toLowerCase()])
    );
    function apply() {
      const wanted = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const { part, verdict, kind } = form;
      for (const row of rows) {
        row.hidden = !(
          wanted.every((word) => words.get(row).includes(word)) &&
          (!part.value || row.closest("tbody").dataset.part === part.value) &&
          (!verdict.value || row.dataset.verdict === verdict.value) &&
          (!kind.value || row.dataset.kind === kind.value)
        );
      }
      for (const chapter of board.querySelectorAll("tbody")) {
        chapter.hidden = !chapter.querySelector(".scoreboard__entry:not([hidden])");
      }
      const counts = [...board.querySelectorAll("table")].map((table) => {
        const shown = table.querySelectorAll(".scoreboard__entry:not([hidden])").length;
        table.hidden = !shown;
        return `${shown} of ${table.querySelectorAll(".scoreboard__entry").length} ${table.dataset.noun}`;
      });
      form.querySelector("output").value = counts.join(", ");
      if (kind.value && kind.value !== "claim") others.open = true;
    }
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    apply(); // a reload may have kept what was typed
  }

  document.querySelectorAll(".scoreboard").forEach(filterScoreboard);
})();
