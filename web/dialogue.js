/**
 * Asking and being answered: brings together the connection, the conversation, the microphone and the loudspeaker.
 *
 * A question is typed, or said while a button is held (push-to-talk: the page says when it ends), or said freely
 * (hands-free: the server hears when it begins and ends). A new one interrupts the answer to the last.
 */

import { Answering } from "./answering.js";
import { PushToTalk } from "./push_to_talk.js";
import { sessionSettings } from "./session_settings.js";
import { isOpen } from "./turn.js";
import { Utterance } from "./utterance.js";

/** The server finishes an answer for a lost connection for so long; what has not come by then is not coming. */
const RESUME_MS = 35_000;

/**
 * Events: "activity" (something of `listening`, `answering`, `handsFree` has changed), "notice" (detail: a sentence),
 * "session" (detail: its id).
 */
export class Dialogue extends EventTarget {
  #connection;
  #conversation;
  #microphone;
  #answering;
  #pushToTalk;
  #handsFree = false;
  #spoken = true;
  #giveUp = 0;
  #resuming = false;
  /** How many of our settings the server has not confirmed yet. */
  #updates = 0;

  /**
   * @param {import("./connection.js").Connection} connection
   * @param {import("./conversation.js").Conversation} conversation
   * @param {import("./microphone.js").Microphone} microphone
   * @param {import("./speaker.js").Speaker} speaker
   */
  constructor(connection, conversation, microphone, speaker) {
    super();
    this.#connection = connection;
    this.#conversation = conversation;
    this.#microphone = microphone;
    this.#answering = new Answering(connection, conversation, speaker);
    this.#answering.addEventListener("change", () => this.#changed());
    this.#pushToTalk = new PushToTalk(connection, conversation, microphone);
    this.#pushToTalk.addEventListener("change", () => this.#changed());
    this.#pushToTalk.addEventListener("short", () => this.#notice(TOO_SHORT));
    this.#pushToTalk.addEventListener("failed", ({ detail }) => this.#loseMicrophone(detail));
    connection.addEventListener("event", ({ detail }) => this.#receive(detail));
    connection.addEventListener("state", ({ detail }) => detail.state === "waiting" && this.#lostConnection());
    microphone.addEventListener("audio", ({ detail }) => this.#record(detail));
    microphone.addEventListener("lost", ({ detail }) => this.#loseMicrophone(detail.message));
    speaker.addEventListener("failed", () => this.#notice(NO_SOUND));
    conversation.addEventListener("turn", () => this.#changed());
  }

  /** Whether what is said now is sent. */
  get listening() {
    return this.#pushToTalk.held || this.#handsFree;
  }

  /** Whether the microphone has been opened: before that nothing is heard yet. */
  get ready() {
    return this.#microphone.recording;
  }

  get handsFree() {
    return this.#handsFree;
  }

  /** Whether there is anything to stop. */
  get answering() {
    return this.#answering.active;
  }

  /** Whether answers are spoken, not only written. */
  set spoken(yes) {
    this.#spoken = yes;
    if (!yes) this.#answering.hush();
    this.#configure();
  }

  /** @param {string} question */
  async ask(question) {
    this.#answering.unlock();
    const turn = this.#conversation.typed(question, newItem());
    await this.#answering.interrupt(turn);
    this.#sendQuestion(turn);
  }

  /** Asks what could not be answered once more. @param {import("./turn.js").Turn} turn */
  async askAgain(turn) {
    this.#answering.unlock();
    this.#conversation.again(turn, newItem());
    await this.#answering.interrupt(turn);
    this.#sendQuestion(turn);
  }

  /** Ends the answer, in every stage and at the loudspeaker. */
  async stop() {
    await this.#answering.interrupt();
  }

  /** Only the sound of the answer ends: it is written on, and kept whole. */
  hush() {
    this.#answering.hush();
  }

  /** The button goes down. */
  async press() {
    if (this.#pushToTalk.held) return;
    this.#answering.unlock();
    await this.#pushToTalk.press(this.#answering.interrupt());
  }

  /** The button comes up. @param {boolean} [sent] false: what was said is thrown away */
  async release(sent = true) {
    await this.#pushToTalk.release(sent);
  }

  /** @param {boolean} on */
  async setHandsFree(on) {
    if (on === this.#handsFree) return;
    if (this.#pushToTalk.held) await this.release(false);
    this.#handsFree = on;
    this.#answering.unlock();
    this.#configure();
    this.#changed();
    if (!on) {
      this.#connection.send({ type: "input_audio_buffer.clear" });
      this.#conversation.removeUnfinished(this.#pushToTalk.turn);
      await this.#microphone.close(); // at once: the browser's sign that it is on means that somebody listens
      return;
    }
    try {
      await this.#microphone.start();
      this.#changed();
    } catch (problem) {
      if (this.#handsFree) this.#loseMicrophone(problem.message);
    }
  }

  /** Another conversation begins: nothing of this one goes on. */
  async leave() {
    clearTimeout(this.#giveUp);
    this.#answering.hush();
    await this.#pushToTalk.leave();
    await this.setHandsFree(false);
  }

  #receive(event) {
    this.#answering.receive(event);
    switch (event.type) {
      case "session.created":
        this.dispatchEvent(new CustomEvent("session", { detail: event.session.id }));
        this.#resuming = true;
        this.#configure();
        break;
      case "session.updated":
        // What the page missed has come before this.
        if (this.#resuming) this.#resume();
        this.#updates = Math.max(0, this.#updates - 1);
        this.#checkListening(event.session);
        break;
      case "input_audio_buffer.speech_started":
        // The server ends the answer by itself; what has already come is ours to silence.
        this.#answering.silence();
        break;
      case "input_audio_buffer.committed":
        this.#pushToTalk.received();
        break;
      case "error":
        this.#receiveError(event.error ?? {});
        break;
    }
    this.#conversation.receive(event);
    if (event.type === "response.done") this.#forgetSilence();
  }

  #receiveError({ code, message = "The server could not follow." }) {
    if (code === NO_TURN_DETECTION) this.#loseTurnDetection();
    else if (!QUIET.has(code)) this.#notice(message);
  }

  /** Nothing was said after all: a cough, or a button that was held in thought. */
  #forgetSilence() {
    const turn = this.#conversation.turns.at(-1);
    if (turn?.problem?.code !== "no_speech") return;
    this.#conversation.remove(turn);
    this.#notice("I heard no words. Try again, a little closer to the microphone.");
  }

  /** @param {Int16Array} samples */
  #record(samples) {
    const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
    if (!this.#pushToTalk.record(bytes) && this.#handsFree) Utterance.send(this.#connection, bytes);
  }

  #sendQuestion(turn) {
    const content = [{ type: "input_text", text: turn.question }];
    const item = { id: turn.questionItem, type: "message", role: "user", content };
    this.#connection.send({ type: "conversation.item.create", item });
    this.#connection.send({ type: "response.create" });
  }

  #configure() {
    const settings = { type: "session.update", session: sessionSettings(this.#spoken, this.#handsFree) };
    if (this.#connection.send(settings)) this.#updates++;
  }

  /** The connection is there, for the first time or again: what the server has not got is sent, nothing twice. */
  #resume() {
    this.#resuming = false;
    this.#conversation.removeUnfinished(this.#pushToTalk.turn);
    this.#pushToTalk.resume();
    for (const turn of this.#conversation.turns.filter(isOpen)) {
      if (!turn.received && turn.questionState === "known") this.#sendQuestion(turn);
    }
    const { owed } = this.#conversation;
    this.#giveUp = setTimeout(() => {
      const message = "The connection was lost before the answer had come.";
      const missing = this.#conversation.owed.filter((turn) => owed.includes(turn));
      for (const turn of missing) this.#conversation.fail(turn, { message, code: "connection_lost" });
    }, RESUME_MS);
  }

  #lostConnection() {
    clearTimeout(this.#giveUp);
    this.#updates = 0;
    this.#answering.lose();
    this.#conversation.lose();
  }

  /** A server that hears only whole recordings has no turn detection, and one that should hear turns may be unable to. */
  #checkListening({ audio, viva }) {
    const outage = viva?.not_listening;
    // What it confirms may be older than what was asked for last.
    const isWithout = !this.#updates && audio?.input?.turn_detection === null;
    if (isWithout || outage?.code === NO_TURN_DETECTION) this.#loseTurnDetection();
    else if (outage && this.#handsFree) this.#notice(NOT_HEARD);
  }

  #loseTurnDetection() {
    if (this.#handsFree) this.#loseMicrophone(NO_TURNS);
  }

  #loseMicrophone(message) {
    this.#pushToTalk.abandon();
    this.setHandsFree(false);
    this.#notice(message);
    this.#changed();
  }

  #notice(message) {
    this.dispatchEvent(new CustomEvent("notice", { detail: message }));
  }

  #changed() {
    this.dispatchEvent(new Event("activity"));
  }
}

const TOO_SHORT = "That was too short to hear. Hold the button, or the space bar, for as long as you speak.";
const NO_TURN_DETECTION = "turn_detection_unavailable";
const NOT_HEARD = "What you say is not heard just now. Try again in a moment, or type your question.";
const NO_TURNS = "This server cannot hear when you begin and end. Hold the button to talk instead.";
const NO_SOUND = "The browser did not let this answer sound. It is written, and the next one may be heard.";

/** Errors that tell nobody anything: what was to be ended had ended, or nothing had been said. */
const QUIET = new Set(["response_cancel_not_active", "input_audio_buffer_commit_empty", "conversation_already_has_active_response"]);

function newItem() {
  return `item_${Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
