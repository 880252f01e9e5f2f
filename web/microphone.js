/** The microphone: asks for it, records 24 kHz 16-bit mono in blocks, and says in a sentence why it cannot. */

/** What was said just before the button was pressed is sent too: people begin to speak as they press. */
const BEFORE_MS = 240;
const BLOCK_MS = 60;
/** After this long unused it is given back, and the browser's sign that it is on goes out. */
const IDLE_MS = 45_000;
/** An audio thread that has not handed over the last block by then stands still. */
const FLUSH_MS = 400;

/** Why there is no microphone; the message is for people. */
export class MicrophoneProblem extends Error {}

/**
 * Events: "audio" (detail: Int16Array) while recording, "level" (detail: 0 to 1) while it is open,
 * "lost" (detail: MicrophoneProblem) when it goes away.
 */
export class Microphone extends EventTarget {
  /** @type {Promise<{node: AudioWorkletNode, stream: MediaStream, context: AudioContext}>|undefined} */ #open;
  /** @type {Int16Array[]} */ #before = [];
  #recording = false;
  /** Starts and stops so far: a start that had to wait for the person's permission may be too late. */
  #wishes = 0;
  #idle = 0;
  #flushes = 0;
  /** @type {Map<number, () => void>} */ #flushing = new Map();

  /** Whether what is heard is sent as "audio". */
  get recording() {
    return this.#recording;
  }

  /** Begins to send "audio", unless it is stopped before the microphone is there. Raises MicrophoneProblem. */
  async start() {
    clearTimeout(this.#idle);
    const wish = ++this.#wishes;
    const { context } = await this.#opened();
    if (wish !== this.#wishes) return;
    await context.resume();
    if (this.#recording || wish !== this.#wishes) return;
    this.#recording = true;
    for (const samples of this.#before.splice(0)) this.#emit("audio", samples);
  }

  /** Ends recording; everything up to now has been sent as "audio" when this returns. */
  async stop() {
    const wish = ++this.#wishes;
    if (this.#recording && this.#open) {
      await this.#flush();
      if (wish !== this.#wishes) return;
      this.#recording = false;
      this.#before = [];
    }
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.close(), IDLE_MS);
  }

  /** Gives the device back. */
  async close() {
    this.#wishes++;
    clearTimeout(this.#idle);
    const open = this.#open;
    this.#open = undefined;
    this.#recording = false;
    this.#before = [];
    for (const done of this.#flushing.values()) done();
    const { stream, context } = (await open?.catch(() => undefined)) ?? {};
    for (const track of stream?.getTracks() ?? []) track.stop();
    await context?.close();
  }

  #opened() {
    this.#open ??= this.#ask().catch((error) => {
      this.#open = undefined;
      throw error;
    });
    return this.#open;
  }

  async #ask() {
    if (!navigator.mediaDevices?.getUserMedia) throw new MicrophoneProblem(sentence(window.isSecureContext ? "NotSupportedError" : "insecure"));
    // The echo of our own answers must not be taken for speech.
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      throw new MicrophoneProblem(sentence(error.name));
    }
    for (const track of stream.getAudioTracks()) track.addEventListener("ended", () => this.#lose());
    return this.#record(stream);
  }

  /** @param {MediaStream} stream */
  async #record(stream) {
    const context = new AudioContext({ latencyHint: "interactive" });
    await context.audioWorklet.addModule(new URL("worklets/capture.js", import.meta.url));
    const node = new AudioWorkletNode(context, "viva-capture", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => this.#hear(data);
    context.createMediaStreamSource(stream).connect(node);
    return { node, stream, context };
  }

  #hear({ samples, level, flushed }) {
    if (flushed) {
      this.#flushing.get(flushed)?.();
      return;
    }
    this.#emit("level", level);
    if (this.#recording) {
      this.#emit("audio", samples);
      return;
    }
    this.#before.push(samples);
    if (this.#before.length > BEFORE_MS / BLOCK_MS) this.#before.shift();
  }

  async #flush() {
    const { node, context } = await this.#opened();
    if (context.state !== "running") return;
    const flush = ++this.#flushes;
    await new Promise((resolve) => {
      this.#flushing.set(flush, () => resolve(undefined));
      setTimeout(resolve, FLUSH_MS);
      node.port.postMessage({ flush });
    });
    this.#flushing.delete(flush);
  }

  async #lose() {
    await this.close();
    this.#emit("lost", new MicrophoneProblem("The microphone was disconnected. Plug it in again, or type your question."));
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** What to do about it, by the name of the browser's error. @param {string} name @returns {string} */
function sentence(name) {
  switch (name) {
    case "insecure":
      return "Browsers give the microphone only to pages opened over https:// or from this machine (http://localhost). Open the page that way, or type your question.";
    case "NotAllowedError":
    case "SecurityError":
      return "The browser does not let this page use the microphone. Allow it beside the page's address, then try again; typing works meanwhile.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "No microphone was found. Plug one in and try again, or type your question.";
    case "NotReadableError":
    case "AbortError":
      return "The microphone is there, but another program holds it. Close that program and try again, or type your question.";
    default:
      return "This browser cannot record sound. Type your question, or open the page in another browser.";
  }
}
