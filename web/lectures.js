/** The lectures there are, and how far each is transcribed. */

import { address, deleteLecture, listLectures } from "./api.js";

/** Browsers hold six connections to a host: what follows transcriptions must leave some for the rest. */
const FOLLOWED = 2;
const RETRY_MS = 2000;

/**
 * @typedef {import("./api.js").Lecture} Lecture
 * Events: "change"; "segments" (detail: {lecture_id, segments, anew}; `anew`: they replace what was told before).
 */
export class Lectures extends EventTarget {
  /** @type {Map<string, Lecture>} newest first */ #known = new Map();
  /** @type {Map<string, EventSource>} */ #followed = new Map();
  hasMore = false;

  /** @returns {Lecture[]} */
  get all() {
    return [...this.#known.values()];
  }

  /** @param {string|null} id */
  get(id) {
    return id === null ? undefined : this.#known.get(id);
  }

  /** The newest ones. Raises Refused. */
  async load() {
    await this.#page();
  }

  /** The next older ones. Raises Refused. */
  async loadMore() {
    await this.#page(this.all.at(-1)?.lecture_id);
  }

  /** A new one, or news of one. @param {Lecture} lecture */
  add(lecture) {
    this.#keep([lecture]);
    this.#changed();
  }

  /** Raises Refused. @param {string} id */
  async remove(id) {
    await deleteLecture(id);
    this.#forget(id);
  }

  /** Follows this one before others. @param {string} id */
  prefer(id) {
    const lecture = this.#known.get(id);
    if (!lecture || isFinished(lecture) || this.#followed.has(id)) return;
    if (this.#followed.size >= FOLLOWED) this.#unfollow([...this.#followed.keys()][0]);
    this.#follow(id);
  }

  async #page(after) {
    const { data, has_more } = await listLectures(after);
    this.#keep(data);
    this.hasMore = has_more;
    this.#changed();
  }

  #keep(lectures) {
    for (const lecture of lectures) this.#known.set(lecture.lecture_id, lecture);
    const all = this.all.sort((a, b) => b.created_at - a.created_at || (a.lecture_id < b.lecture_id ? 1 : -1));
    this.#known = new Map(all.map((each) => [each.lecture_id, each]));
  }

  #changed() {
    for (const lecture of this.all.reverse()) {
      if (this.#followed.size >= FOLLOWED) break;
      if (!isFinished(lecture) && !this.#followed.has(lecture.lecture_id)) this.#follow(lecture.lecture_id);
    }
    this.dispatchEvent(new Event("change"));
  }

  #follow(id) {
    const source = new EventSource(address(`v1/lectures/${encodeURIComponent(id)}/events`));
    this.#followed.set(id, source);
    let anew = true; // every connection begins with all the segments there are
    source.addEventListener("open", () => (anew = true));
    for (const type of ["progress", "ready", "failed"]) {
      source.addEventListener(type, ({ data }) => {
        this.#told(id, JSON.parse(data), anew);
        anew = false;
      });
    }
    source.addEventListener("deleted", () => this.#forget(id));
    source.addEventListener("error", () => {
      // The browser comes back by itself from a lost connection, but not from an error status.
      if (source.readyState !== EventSource.CLOSED) return;
      this.#unfollow(id);
      setTimeout(() => this.#changed(), RETRY_MS);
    });
  }

  #told(id, event, anew) {
    const known = this.#known.get(id);
    if (!known) return;
    const { status, progress, duration_s, has_speech, error } = event;
    this.#known.set(id, { ...known, status, progress, duration_s, has_speech, error });
    this.dispatchEvent(new CustomEvent("segments", { detail: { lecture_id: id, segments: event.segments, anew } }));
    if (isFinished(event)) this.#unfollow(id);
    this.#changed();
  }

  #unfollow(id) {
    this.#followed.get(id)?.close();
    this.#followed.delete(id);
  }

  #forget(id) {
    this.#unfollow(id);
    this.#known.delete(id);
    this.#changed();
  }
}

/** @param {{status: string}} lecture */
export function isFinished({ status }) {
  return status === "ready" || status === "failed";
}
