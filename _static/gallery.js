// Filters of the gallery by part, which is whole without them.
(() => {
  "use strict";

  function filterGallery(gallery) {
    const buttons = [...gallery.querySelectorAll(".gallery__filters button")];
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const { part } = button.dataset;
        buttons.forEach((each) => each.setAttribute("aria-pressed", each === button));
        for (const card of gallery.querySelectorAll("li[data-part]")) {
          card.hidden = part && card.dataset.part !== part;
        }
      });
    }
  }

  document.querySelectorAll(".gallery").forEach(filterGallery);
})();
