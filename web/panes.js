/** The tabs of a narrow page: one pane at a time. */

/** @param {"lectures"|"talk"|"lecture"} name */
export function showPane(name) {
  document.body.dataset.pane = name;
  for (const button of document.querySelectorAll(".tabs button")) {
    if (/** @type {HTMLElement} */ (button).dataset.pane === name) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

/** @param {(name: string) => void} shown called when a tab was chosen */
export function watchTabs(shown) {
  for (const button of /** @type {NodeListOf<any>} */ (document.querySelectorAll(".tabs button"))) {
    button.addEventListener("click", () => {
      showPane(button.dataset.pane);
      shown(button.dataset.pane);
    });
  }
}
