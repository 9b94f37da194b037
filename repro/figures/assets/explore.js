// Turns every prepared figure that is not yet alive into sliders over its pictures. Each copy of
// this script may run early, late or more than once; a figure only ever reads its own content.
(() => {
  const QUIET = 600; // ms without a move before the picture is described aloud

  // Drawings come compressed: all their elements, and which of them each is made of.
  async function unpack(address) {
    const bytes = Uint8Array.from(atob(address.split(",")[1]), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const [elements, drawings] = await new Response(stream).json();
    const markup = (drawing) => drawing.map((k) => elements[k]).join("<");
    return drawings.map((d) => `data:image/svg+xml,${encodeURIComponent(markup(d))}`);
  }

  for (const root of document.querySelectorAll(".repro-explore:not([data-ready])")) {
    const content = root.querySelector('script[type="application/json"]');
    if (!content) continue; // still being parsed: its own script follows
    root.dataset.ready = "";
    const { sliders, start, alts, packed, frames } = JSON.parse(content.textContent);
    if (packed && !window.DecompressionStream) continue; // an old browser keeps the still picture
    const picture = root.querySelector("img");
    const still = picture.src;
    const position = [...start];
    const words = document.createElement("p");
    const controls = document.createElement("div");
    let pictures = frames?.map((frame) => frame || still);
    let timer;

    const index = () => position.reduce((sum, k, i) => sum * sliders[i].texts.length + k, 0);
    const draw = () => {
      if (pictures) picture.src = pictures[index()];
      picture.alt = alts[index()];
    };
    const describe = () => {
      clearTimeout(timer);
      timer = setTimeout(() => (words.textContent = alts[index()]), QUIET);
    };

    if (packed) unpack(packed).then((unpacked) => ((pictures = unpacked), draw()));
    words.className = "repro-explore-words";
    words.setAttribute("aria-live", "polite");
    controls.className = "repro-explore-controls";
    sliders.forEach(({ label, texts }, s) => {
      const row = document.createElement("div");
      const caption = document.createElement("label");
      const name = document.createElement("span");
      const input = document.createElement("input");
      const output = document.createElement("output");
      const read = () => {
        output.value = texts[position[s]];
        input.setAttribute("aria-valuetext", texts[position[s]]);
      };
      row.className = "repro-explore-row";
      name.textContent = label;
      Object.assign(input, { type: "range", min: 0, max: texts.length - 1, step: 1 });
      input.value = position[s];
      input.autocomplete = "off"; // a reload starts anew
      // The slider announces its own value; a second announcement would only repeat it.
      output.setAttribute("aria-live", "off");
      output.style.minWidth = `${Math.max(...texts.map((text) => text.length))}ch`;
      input.addEventListener("input", () => {
        position[s] = Number(input.value);
        read();
        draw();
        describe();
      });
      read();
      caption.append(name, input);
      row.append(caption, output);
      controls.append(row);
    });
    root.querySelector(".repro-explore-still").replaceWith(controls, words);
  }
})();
