/** Recordings on their way up: by choice or by a drop anywhere on the page, each with its progress. */

import { element, make } from "./template.js";
import { Upload } from "./upload.js";

/** Events: "uploaded" (detail: Lecture). */
export class UploadsView extends EventTarget {
  #list = element("uploads");
  #veil = element("drop-veil");
  #dragged = 0;

  constructor() {
    super();
    const input = element("file");
    input.addEventListener("change", () => {
      this.#take(input.files);
      input.value = ""; // so that the same file may be chosen again
    });
    document.addEventListener("dragenter", (event) => this.#drag(event, 1));
    document.addEventListener("dragleave", (event) => this.#drag(event, -1));
    document.addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
    document.addEventListener("drop", (event) => this.#drop(event));
  }

  #drag(event, step) {
    if (!holdsFiles(event)) return;
    this.#dragged = Math.max(0, this.#dragged + step);
    this.#veil.hidden = this.#dragged === 0;
  }

  #drop(event) {
    if (!holdsFiles(event)) return;
    event.preventDefault(); // else the browser would leave the page for the file
    this.#dragged = 0;
    this.#veil.hidden = true;
    this.#take(event.dataTransfer.files);
  }

  /** @param {FileList} files */
  #take(files) {
    for (const file of files) this.#start(new Upload(file));
  }

  /** @param {Upload} upload */
  #start(upload) {
    const item = make("upload");
    const part = (/** @type {string} */ selector) => /** @type {any} */ (item.querySelector(selector));
    part(".upload-name").textContent = upload.file.name;
    part("progress").setAttribute("aria-label", `Upload of ${upload.file.name}`);
    const show = (state, words) => {
      item.dataset.state = state;
      if (part(".upload-words").textContent !== words) part(".upload-words").textContent = words;
      part(".again").hidden = state !== "refused";
      part(".cancel").textContent = state === "refused" ? "Dismiss" : "Cancel";
    };
    upload.addEventListener("progress", ({ detail }) => {
      part("progress").value = detail;
      part(".upload-percent").textContent = `${Math.floor(detail * 100)} %`;
      show("sending", detail < 1 ? "Uploading …" : "Checking the recording …");
    });
    upload.addEventListener("refused", ({ detail }) => show("refused", detail.message));
    upload.addEventListener("cancelled", () => item.remove());
    upload.addEventListener("done", ({ detail }) => {
      item.remove();
      this.dispatchEvent(new CustomEvent("uploaded", { detail }));
    });
    part(".again").addEventListener("click", () => upload.send());
    part(".cancel").addEventListener("click", () => (item.dataset.state === "refused" ? item.remove() : upload.cancel()));
    this.#list.append(item);
    show("sending", "Uploading …");
    upload.send();
  }
}

function holdsFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}
