/** The player's button, slider and times. */

import { element } from "./template.js";
import { clock, spokenClock } from "./times.js";

export class PlayerView {
  #player;
  #root = element("player");
  #button = element("play");
  #name = element("play-name");
  #seek = element("seek");
  #dragging = false;

  /** @param {import("./player.js").Player} player */
  constructor(player) {
    this.#player = player;
    player.addEventListener("change", () => this.#show());
    this.#button.addEventListener("click", () => (player.isPlaying ? player.pause() : player.play()));
    this.#seek.addEventListener("input", () => {
      this.#dragging = true;
      this.#label(Number(this.#seek.value));
    });
    this.#seek.addEventListener("change", () => {
      this.#dragging = false;
      player.seek(Number(this.#seek.value));
    });
  }

  /** @param {boolean} yes */
  set visible(yes) {
    this.#root.hidden = !yes;
  }

  #show() {
    const { position, duration, isPlaying } = this.#player;
    const name = isPlaying ? "Pause" : "Play";
    if (this.#name.textContent !== name) {
      this.#name.textContent = name;
      this.#button.querySelector("use").setAttribute("href", isPlaying ? "#icon-pause" : "#icon-play");
    }
    this.#seek.max = String(duration || 1);
    if (this.#dragging) return;
    this.#seek.value = String(position);
    this.#label(position);
    element("duration").textContent = clock(duration);
  }

  #label(seconds) {
    element("position").textContent = clock(seconds);
    const words = `${spokenClock(seconds)} of ${spokenClock(this.#player.duration)}`;
    if (this.#seek.getAttribute("aria-valuetext") !== words) this.#seek.setAttribute("aria-valuetext", words);
  }
}
