// Everything the tests ask of one page, gathered in one visit.
() => {
  const width = document.documentElement.clientWidth;
  const article = document.querySelector(".bd-article") ?? document.body;

  function name(element) {
    const classes = [...element.classList].join(".");
    return `${element.tagName.toLowerCase()}${classes && "." + classes}`;
  }

  // Elements that stick out of the window, unless an ancestor cuts or scrolls them or they
  // wait beside it, as a closed side bar does.
  function sticksOut(element) {
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.right <= width + 1) return false;
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.position === "fixed" || (e !== element && style.overflowX !== "visible")) return false;
    }
    return true;
  }

  // Text that reached the reader as source: it stands outside code.
  const texts = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  const raw = [];
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (text.parentElement.closest("pre, code, script, style")) continue;
    if (/\$\$|\\\(|\\\[|\\begin\{/.test(text.data)) raw.push(text.data.trim().slice(0, 80));
  }

  // A formula whose glyphs all stand on the page; one in a fold has no size yet.
  function drawn(svg) {
    const shapes = [...svg.querySelectorAll("use")].map((use) => use.getAttribute("href").slice(1));
    const size = svg.getBoundingClientRect();
    const sized = size.width > 1 && size.height > 1;
    return (sized || !svg.checkVisibility()) && shapes.every((id) => document.getElementById(id));
  }

  return {
    scrollWidth: document.documentElement.scrollWidth,
    width,
    overflowing: [...document.body.querySelectorAll("*")].filter(sticksOut).map(name),
    formulas: document.querySelectorAll(".bd-article .math").length,
    typeset: [...document.querySelectorAll(".bd-article .math .formula > svg")].filter(drawn).length,
    spoken: document.querySelectorAll(".bd-article .math .formula__words > math").length,
    raw,
    images: [...document.images].map((image) => ({
      source: image.src.slice(0, 120),
      alt: image.alt,
      loaded: image.naturalWidth > 0,
      sized: image.hasAttribute("width") && image.hasAttribute("height"),
    })),
  };
}
