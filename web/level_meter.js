/** How loud the microphone is: a strip of bars that runs to the left, and a ring around the button. */

import { element } from "./template.js";

const BAR_PX = 3;
const GAP_PX = 3;
/** Speech lies between these, in decibels below full scale. */
const QUIET_DB = -50;
const LOUD_DB = -5;

export class LevelMeter {
  #canvas = element("wave");
  #button = element("mic");
  /** @type {number[]} 0 to 1, the newest last */ #levels = [];
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  /** @param {number} level root mean square, 0 to 1 */
  show(level) {
    const share = Math.max(0, Math.min(1, (20 * Math.log10(level || 1e-6) - QUIET_DB) / (LOUD_DB - QUIET_DB)));
    this.#levels.push(share);
    this.#canvas.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    this.#button.style.setProperty("--level", this.#still.matches ? "0.4" : share.toFixed(2));
    this.#draw();
  }

  clear() {
    this.#levels = [];
    this.#canvas.setAttribute("aria-valuenow", "0");
    this.#button.style.setProperty("--level", "0");
    this.#draw();
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width) return;
    const scale = devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * scale)) {
      this.#canvas.width = Math.round(width * scale);
      this.#canvas.height = Math.round(height * scale);
    }
    const count = Math.floor(width / (BAR_PX + GAP_PX));
    // Without motion: as many bars as it is loud, rather than a strip that runs.
    const latest = this.#levels.at(-1) ?? 0;
    this.#levels = this.#levels.slice(-count);
    const bars = this.#still.matches
      ? Array.from({ length: count }, (_, i) => (i / count < latest ? 0.7 : 0))
      : [...Array(count - this.#levels.length).fill(0), ...this.#levels];
    const drawing = this.#canvas.getContext("2d");
    drawing.setTransform(scale, 0, 0, scale, 0, 0);
    drawing.clearRect(0, 0, width, height);
    drawing.fillStyle = getComputedStyle(this.#canvas).color;
    bars.forEach((share, i) => {
      const tall = Math.max(BAR_PX, share * height);
      drawing.beginPath();
      drawing.roundRect(i * (BAR_PX + GAP_PX), (height - tall) / 2, BAR_PX, tall, BAR_PX / 2);
      drawing.fill();
    });
  }
}
