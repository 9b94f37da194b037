// Excerpts on the page that searches: from the article alone, with formulas on one line.
(() => {
  "use strict";
  if (typeof Search === "undefined") return;

  const alone = (text) => (text.length > 1 ? `(${text})` : text);
  const LINES = {
    mfrac: ([above, below]) => `${alone(above)}/${alone(below)}`,
    msup: ([base, above]) => `${base}^${alone(above)}`,
    msub: ([base, below]) => `${base}_${alone(below)}`,
    msubsup: ([base, below, above]) => `${base}_${alone(below)}^${alone(above)}`,
    munderover: ([base, below, above]) => `${base}_${alone(below)}^${alone(above)}`,
    msqrt: (parts) => `√${alone(parts.join(""))}`,
    mtr: (parts) => `${parts.join(" ")} `,
  };
  function line(node) {
    if (!node.children.length) return node.textContent;
    return (LINES[node.localName] ?? ((parts) => parts.join("")))([...node.children].map(line));
  }

  Search.htmlToText = (text, anchor) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    const article = page.querySelector(".bd-article");
    const part = (anchor && article?.querySelector(anchor)) || article;
    if (!part) return "";
    part.querySelectorAll(".headerlink, script, style, summary:not(.claim__line)").forEach((one) => one.remove());
    part.querySelectorAll(".formula").forEach((formula) => formula.replaceWith(line(formula.querySelector("math"))));
    return part.textContent.replace(/\s+/g, " ");
  };
})();
