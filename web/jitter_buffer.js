/**
 * The jitter buffer of the playback worklet: what arrives in bursts leaves evenly, and never with a click.
 *
 * It knows nothing of Web Audio, so that it can be tested with arrays. Samples belong to items (the answers of the
 * conversation); how much of each was played is what an interruption is cut at.
 */

/** Audio ahead of playback before it starts, and starts again after it ran dry. */
const TARGET_MS = 100;
/** Long enough that a cut is no click, short enough that it is at once. */
const FADE_MS = 6;
/** Between two reports of how much has been played. */
const REPORT_MS = 100;

/**
 * @typedef {{item: string, samples: Float32Array, offset: number}} Chunk
 * @typedef {{type: "started"|"played"|"starved"|"finished"|"stopped", item: string, samples: number}} Report
 *   `samples`: of this item, played so far.
 */
export class JitterBuffer {
  /** @type {Chunk[]} */ #queue = [];
  /** @type {Chunk[]} what came while the rest fades out: it is not part of what was stopped */ #after = [];
  /** @type {Set<string>} items of which nothing more comes */ #ended = new Set();
  /** @type {Map<string, number>} samples played of each item that has begun and not finished */ #played = new Map();
  #buffered = 0;
  #playing = false;
  #stopping = false;
  #gain = 0;
  #sinceArrival = 0;
  #sinceReport = 0;
  #target;
  #fade;
  #reportEvery;

  /** @param {number} rateHz */
  constructor(rateHz) {
    this.#target = Math.round((rateHz * TARGET_MS) / 1000);
    this.#fade = Math.round((rateHz * FADE_MS) / 1000);
    this.#reportEvery = Math.round((rateHz * REPORT_MS) / 1000);
  }

  /** Samples that wait to be played. */
  get buffered() {
    return this.#buffered;
  }

  /** @param {{type: "push"|"end"|"stop", item: string, samples: Float32Array}} message */
  take({ type, item, samples }) {
    if (type === "push") this.push(item, samples);
    if (type === "end") this.end(item);
    if (type === "stop") this.stop();
  }

  /** @param {string} item @param {Float32Array} samples */
  push(item, samples) {
    if (!samples.length) return;
    this.#sinceArrival = 0;
    if (this.#stopping) {
      this.#after.push({ item, samples, offset: 0 });
      return;
    }
    this.#queue.push({ item, samples, offset: 0 });
    this.#buffered += samples.length;
  }

  /** Nothing more comes of this item: its last samples are played without waiting for company. @param {string} item */
  end(item) {
    this.#ended.add(item);
  }

  /** Fades out and drops everything that waits. */
  stop() {
    this.#stopping = true;
  }

  /**
   * Fills a block of output.
   * @param {Float32Array} output
   * @returns {Report[]} what happened meanwhile
   */
  read(output) {
    /** @type {Report[]} */ const reports = [];
    this.#sinceArrival += output.length;
    this.#finishEmpty(reports);
    if (!this.#playing && !this.#stopping && this.#mayStart()) {
      this.#playing = true;
      if (!this.#played.has(this.#queue[0].item)) reports.push(this.#report("started", this.#queue[0].item));
    }
    let at = 0;
    while (this.#playing && at < output.length) at = this.#play(output, at, reports);
    output.fill(0, at);
    if (this.#stopping && (!this.#playing || this.#gain === 0)) this.#drop(reports);
    return reports;
  }

  #mayStart() {
    const head = this.#queue[0];
    // What has waited as long as the target is played as it is: more of it may take its time.
    return Boolean(head) && (this.#buffered >= this.#target || this.#sinceArrival >= this.#target || this.#ended.has(head.item));
  }

  /** Plays from the head of the queue up to the end of its chunk or of the output. Returns where it got to. */
  #play(output, at, reports) {
    const head = this.#queue[0];
    const count = Math.min(output.length - at, head.samples.length - head.offset);
    const drains = !this.#ended.has(this.#queue[this.#queue.length - 1].item);
    const step = 1 / this.#fade;
    for (let i = 0; i < count; i++) {
      // The last samples there are fade out unless they are known to be the last: silence may follow them at once.
      const goal = this.#stopping || (drains && this.#buffered - i <= this.#fade) ? 0 : 1;
      this.#gain = goal ? Math.min(1, this.#gain + step) : Math.max(0, this.#gain - step);
      output[at + i] = head.samples[head.offset + i] * this.#gain;
    }
    head.offset += count;
    this.#buffered -= count;
    this.#count(head.item, count, reports);
    if (head.offset === head.samples.length) this.#queue.shift();
    this.#finishEmpty(reports);
    if (!this.#queue.length) {
      if (this.#played.has(head.item)) reports.push(this.#report("starved", head.item));
      this.#playing = false;
      this.#gain = 0;
    }
    if (this.#stopping && this.#gain === 0) this.#playing = false;
    return at + count;
  }

  #count(item, count, reports) {
    this.#played.set(item, (this.#played.get(item) ?? 0) + count);
    this.#sinceReport += count;
    if (this.#sinceReport >= this.#reportEvery) {
      this.#sinceReport = 0;
      reports.push(this.#report("played", item));
    }
  }

  /** Reports items that have ended and of which nothing waits. */
  #finishEmpty(reports) {
    for (const item of this.#ended) {
      if ([...this.#queue, ...this.#after].some((chunk) => chunk.item === item)) continue;
      reports.push(this.#report("finished", item));
      this.#ended.delete(item);
      this.#played.delete(item);
    }
  }

  #drop(reports) {
    const items = new Set([...this.#played.keys(), ...this.#queue.map((chunk) => chunk.item)]);
    for (const item of items) {
      reports.push(this.#report("stopped", item));
      this.#ended.delete(item);
    }
    if (!items.size) reports.push({ type: "stopped", item: "", samples: 0 });
    this.#queue = this.#after.splice(0);
    this.#buffered = this.#queue.reduce((sum, chunk) => sum + chunk.samples.length, 0);
    this.#played.clear();
    this.#playing = this.#stopping = false;
    this.#gain = 0;
  }

  /** @returns {Report} */
  #report(type, item) {
    return { type, item, samples: this.#played.get(item) ?? 0 };
  }
}
