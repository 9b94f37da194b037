// What the pages do: colours, menus, search, the place in the contents, and boxes that scroll by
// keyboard. It runs when a page is read; everything stays readable without it.
(() => {
  "use strict";

  const { documentElement: html } = document;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const wide = matchMedia("(min-width: 992px)");
  const night = matchMedia("(prefers-color-scheme: dark)");

  // Light, dark and the system's choice take turns, beginning with one that shows.
  function colours() {
    const turns = ["auto", ...(night.matches ? ["light", "dark"] : ["dark", "light"])];
    const show = (mode) => {
      html.dataset.mode = mode;
      html.dataset.theme = mode === "auto" ? (night.matches ? "dark" : "light") : mode;
    };
    for (const button of all(".theme-switch-button")) {
      button.addEventListener("click", () => {
        show(turns[(turns.indexOf(html.dataset.mode) + 1) % turns.length]);
        localStorage.setItem("mode", html.dataset.mode);
        localStorage.setItem("theme", html.dataset.theme);
      });
    }
    night.addEventListener("change", () => show(html.dataset.mode));
  }

  // A dialog closes by a click beside it.
  function closeBeside(dialog) {
    dialog.addEventListener("click", ({ target, clientX: x, clientY: y }) => {
      const box = dialog.getBoundingClientRect();
      const inside = x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
      if (target === dialog && !inside) dialog.close();
    });
  }

  // On a narrow window a bar moves into its dialog while that is open, and the focus comes back.
  function menu(name) {
    const button = document.querySelector(`.${name}-toggle`);
    const bar = document.getElementById(`pst-${name}-sidebar`);
    const dialog = document.getElementById(`pst-${name}-sidebar-modal`);
    if (!button || !bar || !dialog) return;
    const move = (from, to) => {
      to.append(...from.childNodes);
      to.className = from.className;
      from.className = "";
    };
    button.addEventListener("click", () => {
      if (name === "primary" && wide.matches) {
        bar.classList.toggle(document.body.matches(".landing") ? "book-shown" : "pst-sidebar-hidden");
        return;
      }
      move(bar, dialog);
      dialog.showModal();
    });
    dialog.addEventListener("close", () => {
      move(dialog, bar);
      button.focus();
    });
    dialog.addEventListener("click", ({ target }) => target.closest("a") && dialog.close());
    dialog.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      dialog.close();
    });
    closeBeside(dialog);
  }

  function search() {
    const dialog = document.getElementById("pst-search-dialog");
    const own = document.querySelector(".bd-search-container input");
    if (!dialog) return;
    const toggle = () => (own ? own.select() : dialog.open ? dialog.close() : dialog.showModal());
    all(".search-button__button").forEach((button) => button.addEventListener("click", toggle));
    closeBeside(dialog);
    const apple = /^Mac|^iP/.test(navigator.platform);
    if (apple) all("kbd.kbd-shortcut__modifier").forEach((key) => (key.textContent = "⌘"));
    addEventListener("keydown", (event) => {
      const held = apple ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
      if (!held || event.shiftKey || event.altKey || event.key.toLowerCase() !== "k") return;
      event.preventDefault();
      toggle();
    });
  }

  // Mark in the contents of the page the section that is being read.
  function place() {
    const links = new Map();
    for (const link of all("#pst-page-toc-nav a")) {
      const section = document.getElementById(decodeURIComponent(link.hash.slice(1)));
      if (section) links.set(section.querySelector("h1, h2, h3, h4") ?? section, link);
    }
    const mark = (marked) => {
      for (const link of links.values()) {
        link.classList.toggle("active", link === marked);
        if (link === marked) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
      for (const entry of all("#pst-page-toc-nav .toc-entry")) {
        entry.classList.toggle("active", entry.contains(marked));
      }
    };
    const seen = new IntersectionObserver(
      (changes) => {
        const first = changes.find((change) => change.isIntersecting);
        if (first) mark(links.get(first.target));
      },
      { rootMargin: "0px 0px -70% 0px" }
    );
    [...links.keys()].forEach((heading) => seen.observe(heading));
  }

  // What scrolls in its box can be reached by keyboard. Boxes are measured when they come near, so
  // that parts of the page which nobody sees are not laid out.
  function reach() {
    const scrolls = (box) =>
      box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    const near = new IntersectionObserver(
      (changes) => {
        for (const { target, isIntersecting } of changes) {
          if (isIntersecting && scrolls(target)) target.tabIndex = 0;
          else if (isIntersecting) target.removeAttribute("tabindex");
        }
      },
      { rootMargin: "50%" }
    );
    const boxes = "pre, .output, .formula--display, .formula--wide, .pst-scrollable-table-container";
    all(boxes).forEach((box) => near.observe(box));
  }

  // Sphinx fetches each result to show an excerpt, which browsers refuse to pages on disk.
  if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  }
  document.addEventListener("DOMContentLoaded", () => {
    colours();
    search();
    menu("primary");
    menu("secondary");
    document.querySelector(".bd-docs-nav a.current")?.setAttribute("aria-current", "page");
    place();
    reach();
  });
})();
