/** The turns of a conversation, kept up to date from the protocol's events. It sends nothing and sounds nothing. */

import { citationsOf, isOpen, newTurn, wordsOf } from "./turn.js";

/**
 * @typedef {import("./turn.js").Turn} Turn
 * Events: "turn" (detail: the Turn that is new or has changed), "removed" (detail: Turn), "reset", "unknown" (an answer
 * came to a question that is not here: the history has both).
 */
export class Conversation extends EventTarget {
  /** @type {Turn[]} oldest first */ turns = [];
  #count = 0;
  /** The last item that is whole: a connection that resumes is sent what came after. @type {string|null} */
  lastItem = null;

  /** Begins with what was said before. @param {import("./api.js").PastTurn[]} past */
  begin(past) {
    this.turns = [];
    this.lastItem = null;
    this.dispatchEvent(new Event("reset"));
    for (const { question, answer, citations, degraded, interrupted, receipt } of past) {
      this.#add({ question, answer, citations, degraded, receipt, heard: answer, answerState: interrupted ? "cut" : "done" });
    }
  }

  /** A typed question. @param {string} question @param {string} item */
  typed(question, item) {
    return this.#add({ question, questionItem: item, answerState: "waiting" });
  }

  /** A question that is being said; its item is known once the server has named it. @param {string|null} item */
  speaking(item = null) {
    return this.#add({ questionItem: item, questionState: "speaking" });
  }

  /** All of a spoken question is on its way. @param {Turn} turn */
  said(turn) {
    this.#change(turn, { questionState: "heard", answerState: "waiting" });
  }

  /** Asks the same again, as an item of its own. @param {Turn} turn @param {string} item */
  again(turn, item) {
    const fresh = newTurn({ number: turn.number, question: turn.question, questionItem: item, answerState: "waiting" });
    this.#change(turn, fresh);
  }

  /** @param {Turn} turn */
  remove(turn) {
    this.turns = this.turns.filter((other) => other !== turn);
    this.dispatchEvent(new CustomEvent("removed", { detail: turn }));
  }

  /** Nobody will hear the end of what was being said, but for this turn. @param {Turn|undefined} but */
  removeUnfinished(but) {
    for (const turn of this.turns.filter(({ questionState }) => questionState === "speaking")) if (turn !== but) this.remove(turn);
  }

  /** What comes of this answer from now on is not wanted. @param {Turn} turn */
  cut(turn) {
    this.#change(turn, { answerState: "cut", heard: turn.heard ?? turn.answer });
  }

  /** @param {Turn} turn @param {{message: string, code: string}} problem */
  fail(turn, problem) {
    this.#change(turn, { answerState: "failed", problem });
  }

  /** The turns whose answer the server owes, as far as is known. */
  get owed() {
    return this.turns.filter((turn) => isOpen(turn) && (turn.lost || (turn.received && !turn.response)));
  }

  /** The connection is gone: an answer that was under way comes as a whole through the next one, or not at all. */
  lose() {
    for (const turn of this.turns) turn.lost = isOpen(turn) && turn.response !== null;
  }

  /** @param {string} id of a question or an answer */
  byItem(id) {
    return this.turns.findLast((turn) => turn.questionItem === id || turn.answerItem === id);
  }

  /** Takes an event of the server. @param {any} event */
  receive(event) {
    const handle = HANDLERS[event.type];
    if (handle) handle.call(this, event);
  }

  #add(known) {
    const turn = newTurn({ ...known, number: ++this.#count });
    this.turns.push(turn);
    this.#tell(turn);
    return turn;
  }

  #change(turn, changes) {
    Object.assign(turn, changes);
    this.#tell(turn);
  }

  #tell(turn) {
    this.dispatchEvent(new CustomEvent("turn", { detail: turn }));
  }

  /** The turn that a spoken question's event is about: the one with its item, or the one that has none yet. */
  #spoken(item) {
    const turn = this.byItem(item) ?? this.turns.findLast((each) => !each.questionItem && each.questionState !== "known");
    if (turn) turn.questionItem = item;
    return turn;
  }

  #answering(response) {
    return this.turns.findLast((turn) => turn.response === response);
  }

  _speechStarted({ item_id }) {
    if (!this.byItem(item_id)) this.speaking(item_id);
  }

  _committed({ item_id }) {
    const turn = this.#spoken(item_id);
    if (!turn) return;
    turn.received = true;
    if (turn.questionState === "speaking") this.said(turn);
  }

  _partial({ item_id, delta }) {
    const turn = this.#spoken(item_id);
    if (turn && turn.questionState !== "known") this.#change(turn, { question: turn.question + delta });
  }

  _transcribed({ item_id, transcript }) {
    const turn = this.#spoken(item_id);
    // A cough: nobody is going to answer it. With the button held an answer has begun, which says so itself.
    if (turn && !transcript.trim() && !turn.response) this.remove(turn);
    else if (turn) this.#change(turn, { question: transcript, questionState: "known" });
  }

  _notTranscribed({ item_id, error }) {
    const turn = this.#spoken(item_id);
    if (turn) this.fail(turn, { message: error?.message ?? "The question could not be heard.", code: error?.code ?? "" });
  }

  _created({ response }) {
    const turn = this.turns.findLast((each) => each.answerState === "waiting" && !each.response);
    if (turn) turn.response = response.id;
  }

  _answerItem({ response_id, item }) {
    const turn = this.#answering(response_id);
    if (turn) turn.answerItem = item.id;
  }

  _words({ response_id, delta }) {
    const turn = this.#answering(response_id);
    if (turn && isOpen(turn)) this.#change(turn, { answer: turn.answer + delta, answerState: "writing" });
  }

  _part({ response_id, part }) {
    const turn = this.#answering(response_id);
    if (turn) this.#change(turn, { citations: citationsOf({ content: [part] }) });
  }

  _done({ response }) {
    const turn = this.#answering(response.id);
    if (!turn) return;
    const { receipt = null, degraded = null } = response.viva ?? {};
    const output = response.output?.[0] ?? {};
    const citations = citationsOf(output).length ? citationsOf(output) : turn.citations;
    this.#change(turn, { receipt, degraded, citations });
    if (response.status === "completed" && isOpen(turn)) {
      this.#change(turn, { answerState: "done", answer: wordsOf(output) || turn.answer });
    } else if (response.status === "failed") {
      const error = response.status_details?.error ?? {};
      this.fail(turn, { message: error.message ?? "The question could not be answered.", code: error.code ?? "" });
    } else if (isOpen(turn)) {
      this.cut(turn);
    }
  }

  /** An answer that was cut, asked for again: only what was heard is left of it. */
  _retrieved({ item }) {
    const turn = this.byItem(item.id);
    if (turn?.answerItem === item.id) this.#change(turn, { heard: wordsOf(item), answerState: "cut" });
  }

  /** An item that is whole: an echo of what is known, or one that was missed while there was no connection. */
  _item({ item, previous_item_id }) {
    this.lastItem = item.id;
    if (item.role === "user") this.#asked(item);
    if (item.role === "assistant") this.#answered(item, previous_item_id);
  }

  /** The server has a question of which it did not say so before the connection was lost, and transcribes it. */
  _added({ item }) {
    if (item.role === "user" && item.status === "in_progress") this.#asked(item);
  }

  #asked(item) {
    const words = wordsOf(item);
    const isPast = words && this.turns.some((turn) => !isOpen(turn) && !turn.questionItem && turn.question === words);
    const turn = isPast ? undefined : this.byItem(item.id) ?? this.turns.find((each) => !each.questionItem && each.questionState === "heard");
    if (!turn) return;
    turn.questionItem = item.id;
    turn.received = true;
    if (turn.questionState === "speaking") this.said(turn);
    if (turn.questionState !== "known" && words) this.#change(turn, { question: words, questionState: "known" });
  }

  #answered(item, questionItem) {
    const known = this.byItem(item.id);
    if (known && !known.lost) return; // its response tells more
    const turn = known ?? this.turns.find((each) => isOpen(each) && (each.lost || !each.response) && each.questionItem === questionItem);
    const answer = wordsOf(item);
    if (turn) this.#change(turn, { answerItem: item.id, answer, citations: citationsOf(item), answerState: "done", lost: false });
    else if (!this.turns.some((each) => each.answer === answer)) this.dispatchEvent(new Event("unknown"));
  }
}

/** What is done with which event; what is not here changes no turn. */
const HANDLERS = {
  "input_audio_buffer.speech_started": Conversation.prototype._speechStarted,
  "input_audio_buffer.committed": Conversation.prototype._committed,
  "conversation.item.input_audio_transcription.delta": Conversation.prototype._partial,
  "conversation.item.input_audio_transcription.completed": Conversation.prototype._transcribed,
  "conversation.item.input_audio_transcription.failed": Conversation.prototype._notTranscribed,
  "conversation.item.added": Conversation.prototype._added,
  "conversation.item.done": Conversation.prototype._item,
  "conversation.item.retrieved": Conversation.prototype._retrieved,
  "response.created": Conversation.prototype._created,
  "response.output_item.added": Conversation.prototype._answerItem,
  "response.output_audio_transcript.delta": Conversation.prototype._words,
  "response.output_text.delta": Conversation.prototype._words,
  "response.content_part.done": Conversation.prototype._part,
  "response.done": Conversation.prototype._done,
};
