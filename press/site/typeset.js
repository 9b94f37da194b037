// Typesets the formulas of the site, run once per build by Node.
//
// Standard input: for each page, its formulas as [TeX, whether it is displayed]. Standard output:
// for each page, its formulas as {svg, mathml} or {error}, and the glyphs that they draw, once.
"use strict";

const { readFileSync } = require("node:fs");
const [, , mathjax] = process.argv;
const pages = JSON.parse(readFileSync(0, "utf8"));

// What MathJax notes for its own scripts, and what SVG within HTML does not need.
const LEFT_OUT = /^(data-(?!line$|frame$)|xmlns|role$|focusable$)/;

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");

// An element of MathJax's SVG as text; groups that say nothing are left out.
function drawn(adaptor, node) {
  const kind = adaptor.kind(node);
  if (kind === "#text") return escaped(adaptor.value(node));
  const attributes = adaptor
    .allAttributes(node)
    .filter(({ name }) => !LEFT_OUT.test(name))
    .map(({ name, value }) => `${name.replace("xlink:", "")}="${escaped(value)}"`);
  const children = adaptor.childNodes(node).map((child) => drawn(adaptor, child));
  if (kind === "g" && !attributes.length) return children.join("");
  if (kind === "g" && children.length === 1 && /^transform="[^"]*"$/.test(attributes.join())) {
    const alone = children[0].match(/^<(use|rect)((?![^>]* transform=)[^>]*><\/\1>)$/);
    if (alone) return `<${alone[1]} ${attributes[0]}${alone[2]}`;
  }
  return `<${[kind, ...attributes].join(" ")}>${children.join("")}</${kind}>`;
}

async function typeset(MathJax, [tex, display]) {
  const { adaptor } = MathJax.startup;
  try {
    const container = await MathJax.tex2svgPromise(tex, { display });
    const mathml = await MathJax.tex2mmlPromise(tex, { display });
    return {
      svg: drawn(adaptor, adaptor.firstChild(container)).replace("<svg", '<svg aria-hidden="true"'),
      mathml: mathml.replace(/\n\s*/g, "").replace(/ (xmlns|data-[\w-]+)="[^"]*"/g, ""),
    };
  } catch (error) {
    return { error: error.message };
  }
}

async function main() {
  const MathJax = await require(`${mathjax}/node-main.js`).init({
    loader: { load: ["input/tex", "output/svg"] },
    tex: {
      packages: { "[-]": ["noundefined"] },
      formatError: (_, error) => {
        throw error;
      },
    },
    svg: { fontCache: "global" },
  });
  const { adaptor, output } = MathJax.startup;
  const done = [];
  for (const formulas of pages) {
    output.fontCache.clearCache();
    const known = new Map();
    for (const formula of formulas) {
      const key = JSON.stringify(formula);
      if (!known.has(key)) known.set(key, await typeset(MathJax, formula));
    }
    done.push({
      formulas: formulas.map((formula) => known.get(JSON.stringify(formula))),
      glyphs: drawn(adaptor, output.fontCache.getCache()),
    });
  }
  process.stdout.write(JSON.stringify(done));
}

main();
