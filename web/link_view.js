/** How the connection is: a dot with a word in the bar, and a banner while it is lost. */

import { element } from "./template.js";

const WORDS = { closed: "", connecting: "Connecting …", open: "Connected", waiting: "Not connected" };

export class LinkView {
  #state = element("link-state");
  #banner = element("banner");
  #timer = 0;

  /** @param {import("./connection.js").Connection} connection */
  constructor(connection) {
    connection.addEventListener("state", ({ detail }) => this.#show(detail));
    element("retry").addEventListener("click", () => connection.retryNow());
  }

  #show({ state, waitMs, lost }) {
    clearInterval(this.#timer);
    this.#state.dataset.state = state;
    this.#state.querySelector(".words").textContent = WORDS[state];
    this.#banner.hidden = state === "open" || state === "closed" || (state === "connecting" && this.#banner.hidden);
    this.#count("");
    if (state !== "waiting") return;
    this.#say(lost ? "The connection was lost. Trying again" : "The server does not answer. Trying again");
    const until = performance.now() + waitMs;
    // Seen and not read out: a countdown would drown everything else.
    const tick = () => this.#count(` in ${Math.max(1, Math.ceil((until - performance.now()) / 1000))} s.`);
    tick();
    this.#timer = setInterval(tick, 1000);
  }

  /** The same words again are no news. */
  #say(words) {
    const place = this.#banner.querySelector(".words");
    if (place.textContent !== words) place.textContent = words;
  }

  #count(words) {
    this.#banner.querySelector(".countdown").textContent = words || " …";
  }
}
