// Filters of the scoreboard, which is whole without them. What is asked for stands in the address.
(() => {
  "use strict";

  function filterScoreboard(board) {
    const form = board.querySelector("form");
    const { text, part, verdict, kind, all } = form;
    const filters = [text, part, verdict, kind];
    const chapters = [...board.querySelectorAll(".scoreboard__chapter")].map((chapter) => ({
      chapter,
      others: chapter.querySelector(".scoreboard__others"),
      rows: [...chapter.querySelectorAll(".scoreboard__entry")].map((row) => ({
        row,
        words: `${row.textContent} ${chapter.querySelector("summary").textContent}`.toLowerCase(),
      })),
    }));

    function open(wanted) {
      chapters.forEach(({ chapter }) => (chapter.open = wanted));
      all.dataset.open = wanted;
      all.textContent = wanted ? "Close all" : "Open all";
    }

    // Shows what fits the filters, in open chapters; without a filter the chapters are closed.
    function apply() {
      const wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const asked = filters.some((filter) => filter.value);
      const shown = { claim: 0, other: 0 };
      const total = { claim: 0, other: 0 };
      for (const { chapter, others, rows } of chapters) {
        let found = 0;
        let besides = 0;
        for (const { row, words } of rows) {
          const { dataset } = row;
          const fits =
            wanted.every((word) => words.includes(word)) &&
            (!part.value || chapter.dataset.part === part.value) &&
            (!verdict.value || dataset.verdict === verdict.value) &&
            (!kind.value || dataset.kind === kind.value);
          const sort = dataset.kind === "claim" ? "claim" : "other";
          row.hidden = !fits;
          total[sort] += 1;
          shown[sort] += fits;
          found += fits;
          besides += fits && sort === "other";
        }
        chapter.hidden = !found;
        for (const table of chapter.querySelectorAll("table")) {
          table.hidden = !table.querySelector(".scoreboard__entry:not([hidden])");
        }
        if (others) {
          others.hidden = !besides;
          others.open = Boolean(kind.value || text.value) && besides > 0;
        }
      }
      open(asked);
      form.querySelector("[type=reset]").disabled = !asked;
      form.querySelector("output").value =
        `${shown.claim} of ${total.claim} claims, ` +
        `${shown.other} of ${total.other} checks and findings`;
    }

    // The address names the filters, so that it can be sent; a page on disk may refuse.
    function note() {
      const asked = new URLSearchParams();
      for (const { name, value } of filters) if (value) asked.set(name, value);
      const query = asked.toString();
      try {
        history.replaceState(null, "", query ? `?${query}` : location.pathname);
      } catch {}
    }

    function reveal() {
      const entry = location.hash && document.getElementById(location.hash.slice(1));
      if (!entry || !board.contains(entry)) return;
      for (let e = entry.parentElement; e !== board; e = e.parentElement) {
        if (e.localName === "details") e.open = true;
      }
      entry.scrollIntoView();
    }

    form.addEventListener("input", () => (apply(), note()));
    form.addEventListener("reset", () => setTimeout(() => (apply(), note())));
    form.addEventListener("submit", (event) => event.preventDefault());
    all.addEventListener("click", () => open(all.dataset.open !== "true"));
    addEventListener("hashchange", reveal);
    const asked = new URLSearchParams(location.search);
    for (const filter of filters) if (asked.has(filter.name)) filter.value = asked.get(filter.name);
    apply();
    reveal();
  }

  document.querySelectorAll(".scoreboard").forEach(filterScoreboard);
})();
