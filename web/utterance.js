/** A question while it is said with the button held: sent as it is recorded, and kept until the server has all of it. */

import { base64FromBytes } from "./base64.js";

const BYTES_PER_MS = 48;
/** What is kept for a connection that was lost: as much as a question may have. */
const KEPT_MS = 60_000;

export class Utterance {
  #connection;
  /** @type {Uint8Array[]} */ #blocks = [];
  #bytes = 0;
  #finished = false;
  /** @type {import("./turn.js").Turn|undefined} */ turn;

  /** @param {import("./connection.js").Connection} connection */
  constructor(connection) {
    this.#connection = connection;
  }

  /** Sends audio that belongs to no utterance of ours. */
  static send(connection, bytes) {
    connection.send({ type: "input_audio_buffer.append", audio: base64FromBytes(bytes) });
  }

  get milliseconds() {
    return this.#bytes / BYTES_PER_MS;
  }

  /** @param {Uint8Array} bytes 24 kHz, 16-bit, mono */
  append(bytes) {
    this.#bytes += bytes.length;
    if (this.milliseconds <= KEPT_MS) this.#blocks.push(bytes);
    Utterance.send(this.#connection, bytes);
  }

  /** All of it has been said. */
  finish() {
    this.#finished = true;
    this.#commit();
  }

  discard() {
    this.#blocks = [];
    this.#connection.send({ type: "input_audio_buffer.clear" });
  }

  /** The connection is a new one, whose buffer is empty. */
  sendAll() {
    for (const bytes of this.#blocks) Utterance.send(this.#connection, bytes);
    if (this.#finished) this.#commit();
  }

  #commit() {
    this.#connection.send({ type: "input_audio_buffer.commit" });
    this.#connection.send({ type: "response.create" });
  }
}
