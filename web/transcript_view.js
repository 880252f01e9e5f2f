/** The transcript: follows the recording, shows what a citation rests on, and plays from where it is clicked. */

import { element, make } from "./template.js";
import { clock, spokenClock } from "./times.js";

/** The person scrolled last so long ago that the page may scroll again by itself only when asked to. */
const OWN_SCROLL_MS = 150;

/** Events: "seek" (detail: seconds). */
export class TranscriptView extends EventTarget {
  #scroller = element("transcript");
  #list = element("segments");
  #nothing = element("no-transcript");
  #follow = element("follow");
  /** @type {{start: number, end: number, item: HTMLElement, time: HTMLElement}[]} */ #segments = [];
  #current = -1;
  #follows = true;
  #scrolledByUsAt = -Infinity;
  #cited = null;

  constructor() {
    super();
    this.#list.addEventListener("click", (event) => this.#click(event));
    this.#list.addEventListener("keydown", (event) => this.#key(event));
    for (const type of ["wheel", "touchmove"]) this.#scroller.addEventListener(type, () => this.#leave(), { passive: true });
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#follow.addEventListener("click", () => {
      this.#setFollows(true);
      this.#scrollTo(this.#current);
    });
  }

  /** @param {string} words what stands there while there is no transcript */
  clear(words) {
    this.#segments = [];
    this.#current = -1;
    this.#cited = null;
    this.#list.replaceChildren();
    this.#nothing.textContent = words;
    this.#nothing.hidden = false;
    this.#setFollows(true);
  }

  /** @param {import("./api.js").Segment[]} segments that come after those there are */
  add(segments) {
    if (!segments.length) return;
    this.#nothing.hidden = true;
    const made = segments.map(({ start, end, text }) => {
      const item = make("segment");
      const time = /** @type {HTMLElement} */ (item.querySelector(".segment-time"));
      time.textContent = clock(start);
      time.setAttribute("aria-label", `Play from ${spokenClock(start)}`);
      /** @type {HTMLElement} */ (item.querySelector(".segment-text")).textContent = text;
      return { start, end, item, time };
    });
    // One stop for the tab key; the arrows go on from there.
    if (!this.#segments.length) made[0].time.tabIndex = 0;
    this.#segments.push(...made);
    this.#list.append(...made.map(({ item }) => item));
    this.cite(this.#cited);
  }

  /** Marks what is being played. @param {number} seconds @param {boolean} playing */
  show(seconds, playing) {
    const found = this.#at(seconds);
    if (found === this.#current) return;
    this.#segments[this.#current]?.item.removeAttribute("aria-current");
    this.#current = found;
    this.#segments[found]?.item.setAttribute("aria-current", "true");
    if (playing && this.#follows) this.#scrollTo(found);
  }

  /** Marks the words of a citation. @param {{start: number, end: number}|null} cited */
  cite(cited) {
    const isNew = cited !== this.#cited;
    this.#cited = cited;
    let first = -1;
    this.#segments.forEach(({ start, end, item }, i) => {
      // Ends that only touch are not part of it.
      const inside = cited !== null && start < cited.end - 0.05 && end > cited.start + 0.05;
      item.toggleAttribute("data-cited", inside);
      if (inside && first < 0) first = i;
    });
    if (isNew && first >= 0) {
      this.#setFollows(true);
      this.#scrollTo(first);
    }
  }

  /** The transcript has come into sight: what is marked in it is to be seen. */
  reveal() {
    const cited = this.#segments.findIndex(({ item }) => item.hasAttribute("data-cited"));
    this.#scrollTo(this.#cited && cited >= 0 ? cited : this.#current, true);
  }

  /** The segment that is heard at that time, or was the last; -1 before the first. */
  #at(seconds) {
    let [low, high] = [0, this.#segments.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#segments[middle].start <= seconds + 0.05) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #click(event) {
    const item = event.target.closest(".segment");
    // Whoever selects words to copy them does not want to jump.
    if (!item || !getSelection()?.isCollapsed) return;
    const segment = this.#segments.find((each) => each.item === item);
    if (segment) this.#seek(segment);
  }

  #key(event) {
    const at = this.#segments.findIndex(({ time }) => time === event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.#segments.length - 1 }[event.key];
    if (at < 0 || to === undefined || !this.#segments[to]) return;
    event.preventDefault();
    this.#setFollows(false);
    this.#focusable(to).focus();
  }

  #focusable(index) {
    for (const { time } of this.#segments) time.tabIndex = -1;
    const { time } = this.#segments[index];
    time.tabIndex = 0;
    return time;
  }

  #seek({ start, item }) {
    this.#focusable(this.#segments.findIndex((each) => each.item === item));
    this.#setFollows(true);
    this.dispatchEvent(new CustomEvent("seek", { detail: start }));
  }

  #scrollTo(index, atOnce = false) {
    const item = this.#segments[index]?.item;
    if (!item) return;
    this.#scrolledByUsAt = performance.now();
    const smooth = !atOnce && !matchMedia("(prefers-reduced-motion: reduce)").matches;
    const top = item.offsetTop - this.#scroller.offsetTop - this.#scroller.clientHeight / 3;
    this.#scroller.scrollTo({ top, behavior: smooth ? "smooth" : "instant" });
  }

  #scrolled() {
    // A smooth scroll of ours goes on sending these; only its silence tells that it has ended.
    const now = performance.now();
    if (now - this.#scrolledByUsAt < OWN_SCROLL_MS) this.#scrolledByUsAt = now;
  }

  #leave() {
    if (this.#current >= 0) this.#setFollows(false);
  }

  #setFollows(follows) {
    this.#follows = follows;
    this.#follow.hidden = follows || this.#current < 0;
  }
}
