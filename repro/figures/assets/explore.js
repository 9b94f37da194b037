// Turns every prepared figure that is not yet alive into sliders over its pictures. Each copy of
// this script may run early, late or more than once; a figure only ever reads its own content.
(() => {
  for (const root of document.querySelectorAll(".repro-explore:not([data-ready])")) {
    const content = root.querySelector('script[type="application/json"]');
    if (!content) continue; // still being parsed: its own script follows
    root.dataset.ready = "";
    const { sliders, alts, frames } = JSON.parse(content.textContent);
    const picture = root.querySelector("img");
    frames.unshift(picture.src);
    const position = sliders.map(() => 0);
    const controls = document.createElement("div");
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
      Object.assign(input, { type: "range", min: 0, max: texts.length - 1, step: 1, value: 0 });
      input.autocomplete = "off"; // a reload starts at the first picture
      // The slider announces its own value; a second announcement would only repeat it.
      output.setAttribute("aria-live", "off");
      output.style.minWidth = `${Math.max(...texts.map((text) => text.length))}ch`;
      input.addEventListener("input", () => {
        position[s] = Number(input.value);
        read();
        const frame = position.reduce((sum, k, i) => sum * sliders[i].texts.length + k, 0);
        picture.src = frames[frame];
        picture.alt = alts[frame];
      });
      read();
      caption.append(name, input);
      row.append(caption, output);
      controls.append(row);
    });
    root.querySelector(".repro-explore-still").replaceWith(controls);
  }
})();
