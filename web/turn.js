/** A question and its answer, as the page knows them so far. */

/**
 * @typedef {import("./api.js").Citation} Citation
 * @typedef {Record<string, any>} Receipt  milliseconds by stage, see docs/protocol.md
 *
 * @typedef {object} Turn
 * @property {number} number  of this page, from 1
 * @property {string|null} questionItem  the protocol's id of the question
 * @property {string} question
 * @property {"speaking"|"heard"|"known"} questionState  being said; said and not yet written down; final
 * @property {string|null} response  the protocol's id of the answering, while there is one
 * @property {boolean} received  the server has the question
 * @property {string|null} answerItem
 * @property {boolean} lost  the connection that the answer came through is gone: it comes as a whole, if at all
 * @property {string} answer
 * @property {string|null} heard  of an answer that was cut: the words that were heard
 * @property {"none"|"waiting"|"writing"|"done"|"cut"|"failed"} answerState
 * @property {Citation[]} citations
 * @property {Receipt|null} receipt
 * @property {string|null} degraded
 * @property {{message: string, code: string}|null} problem
 */

/** @param {Partial<Turn>} known @returns {Turn} */
export function newTurn(known) {
  return {
    number: 0,
    questionItem: null,
    question: "",
    questionState: "known",
    response: null,
    received: false,
    answerItem: null,
    lost: false,
    answer: "",
    heard: null,
    answerState: "none",
    citations: [],
    receipt: null,
    degraded: null,
    problem: null,
    ...known,
  };
}

/** Whether an answer is on its way. @param {Turn} turn */
export function isOpen({ answerState }) {
  return answerState === "waiting" || answerState === "writing";
}

/** The words of an item of the protocol. @param {{content?: {transcript?: string, text?: string}[]}} item */
export function wordsOf(item) {
  return (item.content ?? []).map((part) => part.transcript ?? part.text ?? "").join(" ").trim();
}

/** What of the lecture an item rests on. @returns {Citation[]} */
export function citationsOf(item) {
  const all = (item.content ?? []).flatMap((/** @type {any} */ part) => part.annotations ?? []);
  return all.filter((annotation) => annotation.type === "lecture_citation");
}
