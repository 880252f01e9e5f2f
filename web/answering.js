/** The answer that is on its way: passes its audio to the loudspeaker, and ends it when it is not wanted any more. */

import { isOpen } from "./turn.js";

/** The server ends an answer within 200 ms; one that does not answer at all must not hold up the next question. */
const PATIENCE_MS = 3000;

/** Events: "change" (of `active`). */
export class Answering extends EventTarget {
  #connection;
  #conversation;
  #speaker;
  /** @type {Set<string>} responses that run */ #running = new Set();
  /** @type {Set<string>} responses whose audio is not wanted */ #unwanted = new Set();
  /** @type {(() => void)[]} */ #waiting = [];

  /**
   * @param {import("./connection.js").Connection} connection
   * @param {import("./conversation.js").Conversation} conversation
   * @param {import("./speaker.js").Speaker} speaker
   */
  constructor(connection, conversation, speaker) {
    super();
    this.#connection = connection;
    this.#conversation = conversation;
    this.#speaker = speaker;
    for (const type of ["playing", "silent"]) speaker.addEventListener(type, () => this.#changed());
  }

  /** Whether an answer is being made or played. */
  get active() {
    return this.#running.size > 0 || this.#speaker.busy || this.#conversation.turns.some(isOpen);
  }

  unlock() {
    this.#speaker.unlock();
  }

  /** Only the sound ends, the answer is still written. */
  hush() {
    for (const response of this.#running) this.#unwanted.add(response);
    this.#speaker.stop();
  }

  /**
   * Ends every answer, and returns when the server has; the history then holds what was heard of them.
   * @param {import("./turn.js").Turn} [next] the question that interrupts
   */
  async interrupt(next) {
    for (const turn of this.#conversation.turns) if (isOpen(turn) && turn !== next) this.#conversation.cut(turn);
    const running = [...this.#running];
    for (const response of running) this.#connection.send({ type: "response.cancel", response_id: response });
    await this.silence();
    this.#changed();
    if (running.length && this.#connection.state === "open") await this.#ended();
  }

  /** Falls silent at once, and tells the server how much of the answer was heard. */
  async silence() {
    for (const response of this.#running) this.#unwanted.add(response);
    const heard = await this.#speaker.stop();
    for (const [item, ms] of heard) {
      this.#connection.send({ type: "conversation.item.truncate", item_id: item, content_index: 0, audio_end_ms: ms });
    }
  }

  /** The connection is gone, and with it whatever ran in it; what has come is played to its end. */
  lose() {
    this.#running.clear();
    this.#release();
    for (const { answerItem } of this.#conversation.turns) if (answerItem) this.#speaker.end(answerItem);
  }

  receive(event) {
    switch (event.type) {
      case "response.created":
        this.#running.add(event.response.id);
        break;
      case "response.output_audio.delta":
        if (!this.#unwanted.has(event.response_id)) this.#speaker.push(event.item_id, event.delta);
        break;
      case "response.output_audio.done":
        this.#speaker.end(event.item_id);
        break;
      case "response.done":
        this.#end(event.response);
        break;
      case "conversation.item.truncated":
        // What is left of it is shown as the history has it.
        this.#connection.send({ type: "conversation.item.retrieve", item_id: event.item_id });
        break;
    }
  }

  #end(response) {
    this.#running.delete(response.id);
    this.#unwanted.delete(response.id);
    for (const item of response.output ?? []) this.#speaker.end(item.id);
    if (!this.#running.size) this.#release();
    this.#changed();
  }

  #ended() {
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(undefined));
      setTimeout(() => resolve(undefined), PATIENCE_MS);
    });
  }

  #release() {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
