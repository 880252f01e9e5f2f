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
    if (state === "connecting") this.#say("Reconnecting …");
    if (state !== "waiting") return;
    const what = lost ? "The connection was lost." : "The server does not answer.";
    const until = performance.now() + waitMs;
    const tick = () => this.#say(`${what} Trying again in ${Math.max(1, Math.ceil((until - performance.now()) / 1000))} s.`);
    // Only the first of these is announced: a countdown read aloud would drown everything else.
    tick();
    this.#timer = setInterval(tick, 1000);
  }

  #say(words) {
    this.#banner.querySelector(".words").textContent = words;
  }
}
