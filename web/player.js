/** Plays the lecture: all of it, or the seconds that a citation names. */

/** Events: "change" (position, length or whether it plays), "cited" (detail: {start, end}|null), "failed". */
export class Player extends EventTarget {
  #audio;
  /** @type {{start: number, end: number}|null} */ #cited = null;
  #frame = 0;

  /** @param {HTMLAudioElement} audio */
  constructor(audio) {
    super();
    this.#audio = audio;
    for (const type of ["timeupdate", "durationchange", "seeked", "loadedmetadata"]) {
      audio.addEventListener(type, () => this.#change());
    }
    audio.addEventListener("play", () => this.#watch());
    audio.addEventListener("pause", () => this.#change());
    audio.addEventListener("ended", () => this.#change());
    audio.addEventListener("error", () => audio.getAttribute("src") && this.dispatchEvent(new Event("failed")));
  }

  get position() {
    return this.#audio.currentTime;
  }

  get duration() {
    return Number.isFinite(this.#audio.duration) ? this.#audio.duration : 0;
  }

  get isPlaying() {
    return !this.#audio.paused;
  }

  /** The citation that was asked for last. */
  get cited() {
    return this.#cited;
  }

  /** @param {string|null} source */
  load(source) {
    this.#audio.pause();
    this.#cite(null);
    if (source) this.#audio.src = source;
    else this.#audio.removeAttribute("src");
    this.#audio.load();
    this.#change();
  }

  /** Goes on from where it stands. */
  play() {
    // Past a citation's end the person wants to hear on.
    if (this.#cited && this.position >= this.#cited.end - 0.05) this.#cite(null);
    return this.#begin();
  }

  /** Plays only the seconds of a citation. @param {{start: number, end: number}} citation */
  playSeconds(citation) {
    this.#cite(citation);
    this.#audio.currentTime = citation.start;
    return this.#begin();
  }

  pause() {
    this.#audio.pause();
  }

  /** @param {number} seconds */
  seek(seconds) {
    this.#cite(null);
    this.#audio.currentTime = seconds;
  }

  async #begin() {
    try {
      await this.#audio.play();
    } catch (error) {
      // A pause before the first sound is no failure.
      if (error.name !== "AbortError") this.dispatchEvent(new Event("failed"));
    }
  }

  #cite(cited) {
    this.#cited = cited;
    this.dispatchEvent(new CustomEvent("cited", { detail: cited }));
  }

  /** By frames while it plays: "timeupdate" comes four times a second, too seldom to end a citation in time. */
  #watch() {
    cancelAnimationFrame(this.#frame);
    const look = () => {
      if (this.#cited && this.position >= this.#cited.end) this.#audio.pause();
      this.#change();
      if (this.isPlaying) this.#frame = requestAnimationFrame(look);
    };
    look();
  }

  #change() {
    if (this.#cited && this.isPlaying && this.position >= this.#cited.end) this.#audio.pause();
    this.dispatchEvent(new Event("change"));
  }
}
