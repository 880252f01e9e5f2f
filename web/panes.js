/** The tabs of a narrow page: one pane at a time. */

/** @param {"lectures"|"talk"|"lecture"} name */
export function showPane(name) {
  document.body.dataset.pane = name;
  for (const button of document.querySelectorAll(".tabs button")) {
    if (/** @type {HTMLElement} */ (button).dataset.pane === name) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

export function watchTabs() {
  for (const button of document.querySelectorAll(".tabs button")) {
    button.addEventListener("click", () => showPane(/** @type {any} */ (button).dataset.pane));
  }
}
