/** One recording on its way to the server. XMLHttpRequest, since fetch does not tell how much has been sent. */

import { address, refusal, Refused } from "./api.js";

/** Events: "progress" (detail: 0 to 1), "done" (detail: Lecture), "refused" (detail: Refused), "cancelled". */
export class Upload extends EventTarget {
  /** @type {XMLHttpRequest|undefined} */ #request;
  /** The same for every attempt: a lost reply makes no second lecture. */
  #key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  /** @param {File} file */
  constructor(file) {
    super();
    this.file = file;
    this.title = file.name.replace(/\.[^.]+$/, "").slice(0, 200);
  }

  send() {
    const form = new FormData();
    // The title first: the server reads the form as it comes.
    form.append("title", this.title);
    form.append("file", this.file);
    const request = new XMLHttpRequest();
    this.#request = request;
    request.open("POST", address("v1/lectures"));
    request.setRequestHeader("Idempotency-Key", this.#key);
    request.upload.addEventListener("progress", ({ loaded, total }) => this.#tell("progress", total ? loaded / total : 0));
    request.addEventListener("load", () => this.#answered(request));
    request.addEventListener("error", () => this.#tell("refused", unreachable()));
    request.addEventListener("abort", () => this.#tell("cancelled"));
    request.send(form);
  }

  cancel() {
    this.#request?.abort();
  }

  /** @param {XMLHttpRequest} request */
  #answered(request) {
    if (request.status === 202) this.#tell("done", JSON.parse(request.responseText));
    else this.#tell("refused", refusal(request.status, request.responseText));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function unreachable() {
  return new Refused("The connection broke off before the whole recording had arrived. Try again.", "unreachable", 0);
}
