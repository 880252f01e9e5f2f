/** The calls of the HTTP API that the page makes. Addresses are relative to the page, so that a prefix of a proxy fits. */

/**
 * @typedef {{start: number, end: number, text: string}} Segment  seconds of the recording
 * @typedef {{lecture_id: string, title: string|null, status: "queued"|"transcribing"|"ready"|"failed", progress: number,
 *   duration_s: number, created_at: number, has_speech: boolean|null, error: {code: string, message: string}|null}} Lecture
 * @typedef {{lecture_id: string, start: number, end: number, text: string}} Citation
 * @typedef {{turn_id: string, question: string, answer: string, citations: Citation[], degraded: string|null,
 *   interrupted: boolean, receipt: Record<string, any>|null}} PastTurn  `interrupted`: the answer is as far as it was heard
 */

/** The server's own sentence, with its code. */
export class Refused extends Error {
  /** @param {string} message @param {string} code @param {number} status */
  constructor(message, code, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** @param {string} path */
export function address(path) {
  return new URL(path, document.baseURI);
}

/** @param {string} [after] @returns {Promise<{data: Lecture[], has_more: boolean}>} */
export function listLectures(after) {
  const query = new URLSearchParams({ limit: "50", ...(after ? { after } : {}) });
  return call("GET", `v1/lectures?${query}`);
}

/** @param {string} id @returns {Promise<Lecture & {segments: Segment[]}>} */
export function readLecture(id) {
  return call("GET", `v1/lectures/${encodeURIComponent(id)}`);
}

/** @param {string} id */
export function deleteLecture(id) {
  return call("DELETE", `v1/lectures/${encodeURIComponent(id)}`);
}

/** @param {string} id @returns {Promise<{session_id: string, turns: PastTurn[]}>} */
export function readSession(id) {
  return call("GET", `v1/sessions/${encodeURIComponent(id)}`);
}

/** The recording, playable. @param {string} id */
export function audioAddress(id) {
  return address(`v1/lectures/${encodeURIComponent(id)}/audio`).href;
}

/** What the body of a refusal says, or a sentence of our own. @param {number} status @param {string} body */
export function refusal(status, body) {
  try {
    const { error } = JSON.parse(body);
    return new Refused(error.message, error.code, status);
  } catch {
    return new Refused(`The server answered with status ${status} and no explanation. Try again in a moment.`, "unknown", status);
  }
}

async function call(method, path) {
  let response;
  try {
    response = await fetch(address(path), { method });
  } catch {
    throw new Refused("The server cannot be reached. Is it running, and is this machine online?", "unreachable", 0);
  }
  const body = await response.text();
  if (!response.ok) throw refusal(response.status, body);
  return body ? JSON.parse(body) : null;
}
