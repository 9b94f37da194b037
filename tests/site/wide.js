// What would scroll sideways in its column, the cells that are folded included.
() => {
  const folded = [...document.querySelectorAll(".bd-article details:not([open])")];
  folded.forEach((details) => (details.open = true));
  const boxes = ".formula--display, pre, .output, .claim-table-wrap";
  const wide = [...document.querySelectorAll(boxes)]
    .filter((box) => box.clientWidth && box.scrollWidth > box.clientWidth + 1)
    .map((box) => `${box.tagName}: ${box.textContent.trim().slice(0, 60)}`);
  folded.forEach((details) => (details.open = false));
  return wide;
}
