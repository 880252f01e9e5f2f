/** One question and its answer on the page. */

import { degradedWords } from "./degraded.js";
import { showReceipt } from "./receipt.js";
import { make } from "./template.js";
import { clock, spokenClock } from "./times.js";
import { isOpen } from "./turn.js";

/**
 * @typedef {import("./turn.js").Turn} Turn
 * Events: "cite" (detail: Citation), "again" (detail: Turn).
 */
export class TurnView extends EventTarget {
  root = make("turn");
  /** @type {import("./turn.js").Citation[]} */ #cited = [];
  /** @type {Map<import("./turn.js").Citation, HTMLElement>} */ #chips = new Map();
  #receipt = null;

  /** @param {Turn} turn */
  constructor(turn) {
    super();
    this.turn = turn;
    this.#part(".again").addEventListener("click", () => this.#tell("again", this.turn));
    this.update();
  }

  /** Shows the turn as it is now. */
  update() {
    const { turn } = this;
    this.root.dataset.question = turn.questionState;
    this.root.dataset.answer = turn.answerState;
    // A screen reader waits until the answer is whole rather than read every piece of it.
    this.root.setAttribute("aria-busy", String(isOpen(turn) || turn.questionState === "speaking"));
    write(this.#part(".question-text"), turn.question);
    this.#part(".answer").hidden = turn.answerState === "none";
    this.#showAnswer();
    this.#showProblem();
    this.#showCitations();
    const badge = this.#part(".badge");
    badge.hidden = !turn.degraded;
    if (turn.degraded) write(this.#part(".badge-words"), degradedWords(turn.degraded));
    if (turn.receipt && turn.receipt !== this.#receipt) {
      this.#receipt = turn.receipt;
      showReceipt(this.#part(".receipt"), turn.receipt);
    }
    this.#part(".receipt").hidden = !turn.receipt;
  }

  /** Shows which citation is being played. @param {{start: number, end: number}|null} cited */
  markPlaying(cited) {
    for (const [citation, chip] of this.#chips) {
      const playing = citation === cited; // another answer may rest on the same seconds
      chip.setAttribute("aria-pressed", String(playing));
      chip.querySelector("use")?.setAttribute("href", playing ? "#icon-pause" : "#icon-play");
    }
  }

  #showAnswer() {
    const { answer, answerState, heard } = this.turn;
    this.#part(".answer-text").hidden = answerState === "failed" && !answer;
    const isCut = answerState === "cut";
    const kept = isCut ? (heard ?? answer) : answer;
    write(this.#part(".heard"), kept);
    this.#part(".cut").hidden = !isCut;
    // What was written and not heard is not part of the conversation, but nobody's text vanishes while they read it.
    write(this.#part(".unheard"), isCut && answer.startsWith(kept) ? answer.slice(kept.length).trim() : "");
  }

  #showProblem() {
    const { problem } = this.turn;
    this.#part(".problem").hidden = !problem;
    write(this.#part(".problem-words"), problem?.message ?? "");
    this.#part(".again").hidden = !this.turn.question;
  }

  #showCitations() {
    const { citations } = this.turn;
    if (citations === this.#cited) return;
    this.#cited = citations;
    this.#chips = new Map(citations.map((citation) => [citation, this.#chip(citation)]));
    this.#part(".chips").replaceChildren(...[...this.#chips.values()].map((chip) => /** @type {HTMLElement} */ (chip.parentElement)));
    this.#part(".chips").hidden = !citations.length;
  }

  #chip(citation) {
    const chip = /** @type {HTMLElement} */ (make("chip").firstElementChild);
    const { start, end, text } = citation;
    write(/** @type {HTMLElement} */ (chip.querySelector(".chip-time")), `${clock(start)}–${clock(end)}`);
    chip.setAttribute("aria-label", `Play the lecture from ${spokenClock(start)} to ${spokenClock(end)}`);
    chip.setAttribute("aria-pressed", "false");
    chip.title = text;
    chip.addEventListener("click", () => this.#tell("cite", citation));
    return chip;
  }

  /** @returns {HTMLElement} */
  #part(selector) {
    return /** @type {HTMLElement} */ (this.root.querySelector(selector));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Leaves alone what is right already: a change would be announced. */
function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
