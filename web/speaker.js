/** The loudspeaker: plays the answers' audio as it arrives, and says how much of each has been heard. */

import { bytesFromBase64 } from "./base64.js";
import { openPlayback } from "./playback.js";

const RATE_HZ = 24000;
/** After this long in silence the audio thread rests: it would go on to cost a phone its battery. */
const REST_MS = 20_000;
/** An audio thread that has not said by then how far it got stands still: what it said last has to do. */
const STOP_MS = 300;

/**
 * Events: "playing" and "silent" (detail: item), "starved" (detail: item; the audio did not arrive in time), "failed"
 * (the browser did not open its loudspeaker for us; the next answer tries again).
 */
export class Speaker extends EventTarget {
  /** @type {AudioContext|undefined} */ #context;
  /** @type {Promise<import("./playback.js").Playback>|undefined} */ #playback;
  /** @type {Set<string>} items that have audio and are not finished */ #open = new Set();
  /** @type {Map<string, number>} samples played of each of them */ #played = new Map();
  /** @type {((heard: Map<string, number>) => void)[]} */ #waiting = [];
  #stopped = new Map();
  /** @type {Set<string>} items whose audio is lost, in part at least: the rest of them is not played either */ #lost = new Set();
  #unlocked = false;
  #rest = 0;

  /** Browsers let a page sound only after a press of a key or a button: to be called in its handler. */
  unlock() {
    this.#unlocked = true;
    this.#start();
    this.#wake();
  }

  /** Whether anything is being played or waits to be. */
  get busy() {
    return this.#open.size > 0;
  }

  /** @param {string} item @param {string} audio base64 of 24 kHz, 16-bit, little-endian, mono */
  push(item, audio) {
    if (this.#lost.has(item)) return;
    this.#open.add(item);
    if (this.#unlocked) this.#wake();
    const bytes = bytesFromBase64(audio);
    const view = new DataView(bytes.buffer);
    const samples = new Float32Array(bytes.length >> 1);
    for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(2 * i, true) / 32768;
    this.#post({ type: "push", item, samples }, [samples.buffer]);
  }

  /** Nothing more comes of this item. @param {string} item */
  end(item) {
    if (this.#open.has(item)) this.#post({ type: "end", item });
  }

  /**
   * Falls silent at once.
   * @returns {Promise<Map<string, number>>} milliseconds heard of each item that was playing or waiting
   */
  async stop() {
    if (!this.busy) return new Map();
    this.#post({ type: "stop" });
    // A page that may not sound yet has an audio thread that stands still: it would never answer.
    if (this.#context?.state !== "running") return this.#fallSilent(this.#lastKnown());
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      setTimeout(() => this.#waiting.includes(resolve) && this.#fallSilent(this.#lastKnown()), STOP_MS);
    });
  }

  /** What was heard of each open item by the last report. */
  #lastKnown() {
    return new Map([...this.#open].map((item) => [item, this.#milliseconds(item)]));
  }

  /** Nothing plays any more, which is told to all who asked for it. */
  #fallSilent(heard) {
    const silent = [...this.#open];
    this.#open.clear();
    this.#played.clear();
    this.#stopped = new Map();
    for (const resolve of this.#waiting.splice(0)) resolve(heard);
    for (const item of silent) this.dispatchEvent(new CustomEvent("silent", { detail: item }));
    return heard;
  }

  /** What has left the loudspeaker, which lags behind what was given to the system. */
  #milliseconds(item) {
    const latency = (this.#context?.outputLatency ?? 0) * 1000;
    return Math.max(0, Math.round(((this.#played.get(item) ?? 0) * 1000) / RATE_HZ - latency));
  }

  #wake() {
    clearTimeout(this.#rest);
    if (this.#context?.state !== "running") this.#context?.resume();
    this.#rest = setTimeout(() => (this.busy ? this.#wake() : this.#context?.suspend()), REST_MS);
  }

  #start() {
    if (this.#playback) return;
    this.#context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
    this.#playback = openPlayback(this.#context, (report) => this.#hear(report));
    this.#playback.catch(() => this.#fail());
  }

  /** The module of the audio thread did not arrive, say. A context remembers that for ever: the next one is another. */
  #fail() {
    this.#context?.close();
    this.#context = this.#playback = undefined;
    for (const item of this.#open) this.#lost.add(item);
    this.#fallSilent(this.#lastKnown());
    this.dispatchEvent(new Event("failed"));
  }

  /** In the order of the calls, also before the audio thread is there. */
  #post(message, transfer = []) {
    this.#start();
    this.#playback?.then((playback) => playback.post(message, transfer)).catch(() => {}); // `#fail` has told it
  }

  /** @param {import("./jitter_buffer.js").Report} report */
  #hear({ type, item, samples }) {
    if (item && this.#open.has(item)) this.#played.set(item, samples);
    if (type === "started") this.dispatchEvent(new CustomEvent("playing", { detail: item }));
    if (type === "starved") this.dispatchEvent(new CustomEvent("starved", { detail: item }));
    if (type === "finished") {
      this.#open.delete(item);
      this.#played.delete(item);
      this.dispatchEvent(new CustomEvent("silent", { detail: item }));
    }
    if (type === "stopped") this.#hearStopped(item);
  }

  /** One report comes for each item; they are answered together, in a task after the last. */
  #hearStopped(item) {
    if (item && this.#open.has(item)) this.#stopped.set(item, this.#milliseconds(item));
    queueMicrotask(() => {
      if (!this.#waiting.length || [...this.#open].some((open) => !this.#stopped.has(open))) return;
      this.#fallSilent(this.#stopped);
    });
  }
}
