/** Sentences that help, above the composer; read out by a screen reader when they appear. */

import { element, tag } from "./template.js";

const SVG = "http://www.w3.org/2000/svg";
/** As many as can be read. */
const MOST = 2;

export class Notices {
  #place = element("notices");

  /** @param {string} sentence */
  show(sentence) {
    for (const old of [...this.#place.children]) if (old.dataset.words === sentence) old.remove();
    const notice = tag("div", "notice");
    notice.dataset.words = sentence;
    const close = tag("button", "");
    close.setAttribute("type", "button");
    close.setAttribute("aria-label", "Dismiss");
    close.append(icon("close"));
    close.addEventListener("click", () => notice.remove());
    notice.append(icon("warn"), tag("p", "", sentence), close);
    this.#place.append(notice);
    while (this.#place.children.length > MOST) this.#place.firstElementChild?.remove();
  }

  clear() {
    this.#place.replaceChildren();
  }
}

function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  drawing.append(use);
  return drawing;
}
