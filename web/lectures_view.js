/** The list of lectures. */

import { element, make } from "./template.js";
import { clock } from "./times.js";

/** Events: "choose" (detail: Lecture), "delete" (detail: Lecture, after the person has confirmed), "more". */
export class LecturesView extends EventTarget {
  #list = element("lecture-list");
  #dialog = element("delete-dialog");
  #lectures;
  /** @type {Map<string, HTMLElement>} */ #items = new Map();
  /** @type {string|null} */ #chosen = null;
  #loaded = false;

  /** @param {import("./lectures.js").Lectures} lectures */
  constructor(lectures) {
    super();
    this.#lectures = lectures;
    lectures.addEventListener("change", () => {
      this.#loaded = true;
      this.#show();
    });
    element("more-lectures").addEventListener("click", () => this.dispatchEvent(new Event("more")));
  }

  /** @param {string|null} id */
  set chosen(id) {
    this.#chosen = id;
    this.#show();
  }

  #show() {
    const all = this.#lectures.all;
    const items = all.map((lecture) => this.#item(lecture));
    this.#items = new Map(all.map((lecture, i) => [lecture.lecture_id, items[i]]));
    // Elements that stay where they are keep the focus.
    if (items.some((item, i) => this.#list.children[i] !== item) || items.length !== this.#list.children.length) {
      const focused = /** @type {HTMLElement|null} */ (document.activeElement);
      this.#list.replaceChildren(...items);
      if (focused && this.#list.contains(focused)) focused.focus();
    }
    element("no-lectures").hidden = !this.#loaded || all.length > 0;
    element("more-lectures").hidden = !this.#lectures.hasMore;
  }

  /** @param {import("./lectures.js").Lecture} lecture */
  #item(lecture) {
    const item = this.#items.get(lecture.lecture_id) ?? this.#make(lecture);
    const chosen = lecture.lecture_id === this.#chosen;
    item.dataset.state = lecture.status;
    item.toggleAttribute("data-chosen", chosen);
    const choose = /** @type {HTMLElement} */ (item.querySelector(".lecture-choose"));
    if (chosen) choose.setAttribute("aria-current", "true");
    else choose.removeAttribute("aria-current");
    /** @type {HTMLElement} */ (item.querySelector(".lecture-state")).textContent = state(lecture);
    const bar = /** @type {HTMLProgressElement} */ (item.querySelector("progress"));
    bar.hidden = lecture.status !== "transcribing" && lecture.status !== "queued";
    bar.value = lecture.progress;
    return item;
  }

  #make(lecture) {
    const item = make("lecture");
    const name = nameOf(lecture);
    /** @type {HTMLElement} */ (item.querySelector(".lecture-name")).textContent = name;
    item.querySelector("progress")?.setAttribute("aria-label", `Transcription of ${name}`);
    item.querySelector(".lecture-choose")?.addEventListener("click", () => this.#tell("choose", lecture.lecture_id));
    const remove = /** @type {HTMLElement} */ (item.querySelector(".lecture-delete"));
    /** @type {HTMLElement} */ (remove.querySelector("span")).textContent = `Delete ${name}`;
    remove.addEventListener("click", () => this.#confirm(lecture.lecture_id));
    return item;
  }

  #confirm(id) {
    const lecture = this.#lectures.get(id);
    if (!lecture) return;
    element("delete-words").textContent = `“${nameOf(lecture)}”, its recording and its transcript will be gone. This cannot be undone.`;
    this.#dialog.returnValue = "no";
    this.#dialog.addEventListener("close", () => this.#dialog.returnValue === "yes" && this.#tell("delete", id), { once: true });
    this.#dialog.showModal();
  }

  #tell(type, id) {
    const lecture = this.#lectures.get(id);
    if (lecture) this.dispatchEvent(new CustomEvent(type, { detail: lecture }));
  }
}

/** @param {import("./lectures.js").Lecture} lecture */
export function nameOf({ title, created_at }) {
  return title || `Recording of ${new Date(created_at * 1000).toLocaleDateString()}`;
}

/** A line about it: how long it is, or how far. @param {import("./lectures.js").Lecture} lecture */
export function state({ status, progress, duration_s, has_speech, error }) {
  if (status === "failed") return error?.message ?? "Could not be transcribed";
  if (status === "queued") return "Waiting to be transcribed";
  if (status === "transcribing") return `Transcribing: ${Math.floor(progress * 100)} %`;
  return has_speech === false ? `${clock(duration_s)}, without a word in it` : clock(duration_s);
}
