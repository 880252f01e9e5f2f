/** Talking with the button held: what is said between a press and a release is one question. */

import { Utterance } from "./utterance.js";

/** A press shorter than this said nothing. */
const LEAST_SPEECH_MS = 200;

/** Events: "change" (of `held`, or the microphone is there), "short" (it was too short), "failed" (detail: a sentence). */
export class PushToTalk extends EventTarget {
  #connection;
  #conversation;
  #microphone;
  #held = false;
  /** @type {Utterance|null} what the microphone's audio belongs to: a while longer than the button is held */ #saying = null;
  /** @type {Utterance|null} what was said last, until the server has it */ #kept = null;
  /** @type {Promise<void>|undefined} until the end of what was said last is sent */ #ending;

  /**
   * @param {import("./connection.js").Connection} connection
   * @param {import("./conversation.js").Conversation} conversation
   * @param {import("./microphone.js").Microphone} microphone
   */
  constructor(connection, conversation, microphone) {
    super();
    this.#connection = connection;
    this.#conversation = conversation;
    this.#microphone = microphone;
  }

  get held() {
    return this.#held;
  }

  /** The turn of what is being said. @returns {import("./turn.js").Turn|undefined} */
  get turn() {
    return this.#saying?.turn;
  }

  /** The button goes down. @param {Promise<void>} interrupted until the answer before is over */
  async press(interrupted) {
    this.#held = true;
    this.#tell("change");
    await this.#ending;
    if (!this.#held) return;
    const utterance = new Utterance(this.#connection);
    this.#kept = this.#saying = utterance;
    try {
      await this.#microphone.start();
    } catch (problem) {
      if (this.#saying === utterance) this.#tell("failed", problem.message);
      return;
    }
    this.#tell("change");
    await interrupted;
    if (this.#saying === utterance) utterance.turn ??= this.#conversation.speaking();
  }

  /** The button comes up. @param {boolean} sent false: what was said is thrown away */
  async release(sent) {
    if (!this.#held) return;
    this.#held = false;
    this.#tell("change");
    this.#ending = this.#end(this.#saying, sent);
    await this.#ending;
  }

  /** @param {Uint8Array} bytes @returns {boolean} whether they belong to what is being said */
  record(bytes) {
    this.#saying?.append(bytes);
    return this.#saying !== null;
  }

  /** The server has all of it. */
  received() {
    if (this.#kept !== this.#saying) this.#kept = null;
  }

  /** The connection is a new one: what the server has not got is sent again. */
  resume() {
    if (this.#kept?.turn?.received) this.#kept = null;
    this.#kept?.sendAll();
  }

  /** Half a sentence is not asked. */
  abandon() {
    const unfinished = this.#saying;
    this.#held = false;
    this.#saying = null;
    if (unfinished) this.#discard(unfinished);
  }

  /** Another conversation begins. */
  async leave() {
    this.#kept = null;
    await this.release(false);
  }

  async #end(utterance, sent) {
    await this.#microphone.stop();
    if (!utterance || this.#saying !== utterance) return;
    this.#saying = null;
    const short = utterance.milliseconds < LEAST_SPEECH_MS;
    if (sent && !short) {
      utterance.turn ??= this.#conversation.speaking();
      this.#conversation.said(utterance.turn);
      utterance.finish();
      return;
    }
    this.#discard(utterance);
    if (sent) this.#tell("short");
  }

  #discard(utterance) {
    if (this.#kept === utterance) this.#kept = null;
    utterance.discard();
    if (utterance.turn) this.#conversation.remove(utterance.turn);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
