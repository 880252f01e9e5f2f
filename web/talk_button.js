/**
 * The microphone's button and the space bar.
 *
 * Held, they record until they are let go. A short press latches: it records until the next one, for people who cannot
 * hold, and for screen readers, which send a click and nothing else.
 */

import { element } from "./template.js";

/** Longer than a click, shorter than a word. */
const LATCH_MS = 350;
/** Where the space bar means something else. */
const TAKES_SPACE = "input, textarea, select, button, a, audio, summary, [contenteditable], [role=slider], dialog";

/** Events: "press", "release" (detail: whether what was said is meant), "latch" (it goes on without being held). */
export class TalkButton extends EventTarget {
  #button = element("mic");
  #name = element("mic-name");
  #downAt = 0;
  #down = false;
  #latched = false;
  #listening = false;
  /** The click that a press by pointer or key ends with is not another press. */
  #expectsClick = false;

  constructor() {
    super();
    const button = this.#button;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId); // let go outside the button is let go
      this.#begin();
    });
    button.addEventListener("pointerup", () => this.#end());
    button.addEventListener("pointercancel", () => this.#end());
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch would open one
    button.addEventListener("click", () => this.#click());
    document.addEventListener("keydown", (event) => this.#keyDown(event));
    document.addEventListener("keyup", (event) => this.#keyUp(event));
    addEventListener("blur", () => this.#leave());
    document.addEventListener("visibilitychange", () => document.hidden && this.#leave(true));
  }

  /** Whether it records without being held. */
  get latched() {
    return this.#latched;
  }

  /** @param {boolean} listening @param {boolean} handsFree */
  show(listening, handsFree) {
    this.#button.setAttribute("aria-pressed", String(listening));
    const name = handsFree ? "End hands-free" : listening ? "Listening: let go or press again to send" : "Hold to talk";
    if (this.#name.textContent !== name) this.#name.textContent = name;
    this.#listening = listening;
    if (!listening) this.#latched = false;
  }

  #begin() {
    if (this.#down || this.#button.disabled) return;
    this.#down = true;
    this.#expectsClick = true;
    this.#downAt = performance.now();
    if (this.#latched) return;
    this.dispatchEvent(new Event("press"));
  }

  #end() {
    if (!this.#down) return;
    this.#down = false;
    const short = performance.now() - this.#downAt < LATCH_MS;
    if (this.#latched || !short) {
      this.#latched = false;
      this.#tell(true);
    } else if (this.#listening) this.#latch(); // a press that ended hands-free, or got no microphone, began nothing
  }

  #latch() {
    this.#latched = true;
    this.dispatchEvent(new Event("latch"));
  }

  /** Who is not here cannot know that a recording goes on. @param {boolean} [hidden] the page cannot be seen any more */
  #leave(hidden = false) {
    if (this.#down) {
      const meant = this.#latched || performance.now() - this.#downAt >= LATCH_MS;
      this.#down = this.#latched = false;
      this.#tell(meant);
    } else if (this.#latched && hidden) {
      this.#latched = false;
      this.#tell(true);
    }
  }

  /** A click that no press came before: of a screen reader or a switch. */
  #click() {
    if (this.#expectsClick) {
      this.#expectsClick = false;
      return;
    }
    if (this.#latched) {
      this.#latched = false;
      this.#tell(true);
      return;
    }
    this.dispatchEvent(new Event("press"));
    if (this.#listening) this.#latch();
  }

  #keyDown(event) {
    if (event.key === "Escape" && (this.#down || this.#latched)) {
      this.#down = this.#latched = false;
      this.#tell(false);
      return;
    }
    if (!this.#isOurs(event)) return;
    event.preventDefault(); // neither a scroll nor a click
    if (!event.repeat) this.#begin();
  }

  #keyUp(event) {
    if (!this.#down || (event.code !== "Space" && event.key !== "Enter")) return;
    event.preventDefault();
    this.#end();
    this.#expectsClick = false;
  }

  /** The space bar, where nothing else wants it; and both keys that press a button, on this button. */
  #isOurs(event) {
    if (this.#button.disabled || event.ctrlKey || event.altKey || event.metaKey) return false;
    if (event.target === this.#button) return event.code === "Space" || event.key === "Enter";
    return event.code === "Space" && !event.target.closest?.(TAKES_SPACE);
  }

  #tell(sent) {
    this.dispatchEvent(new CustomEvent("release", { detail: sent }));
  }
}
