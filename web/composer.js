/** Where one asks: the text, the microphone, the switches, and the button that stops an answer. */

import { LevelMeter } from "./level_meter.js";
import { TalkButton } from "./talk_button.js";
import { element } from "./template.js";

/** Events: "ask" (detail: the question), "spoken" (detail: boolean). The rest goes to the dialogue itself. */
export class Composer extends EventTarget {
  #dialogue;
  #talk = new TalkButton();
  #meter = new LevelMeter();
  #question = element("question");
  #stop = element("stop");
  #handsFree = element("hands-free");
  #listening = element("listening");

  /** @param {import("./dialogue.js").Dialogue} dialogue @param {import("./microphone.js").Microphone} microphone */
  constructor(dialogue, microphone) {
    super();
    this.#dialogue = dialogue;
    element("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#question.addEventListener("keydown", (event) => this.#key(event));
    this.#stop.addEventListener("click", () => dialogue.stop());
    this.#handsFree.addEventListener("change", () => dialogue.setHandsFree(this.#handsFree.checked));
    element("spoken").addEventListener("change", ({ target }) => this.#tell("spoken", target.checked));
    this.#talk.addEventListener("press", () => this.#press());
    this.#talk.addEventListener("release", ({ detail }) => dialogue.release(detail));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]") && dialogue.answering) dialogue.stop();
    });
    this.#talk.addEventListener("latch", () => this.#show());
    dialogue.addEventListener("activity", () => this.#show());
    microphone.addEventListener("level", ({ detail }) => dialogue.listening && this.#meter.show(detail));
    this.#show();
  }

  /** @param {boolean} usable whether there is a lecture to ask about */
  set usable(usable) {
    for (const id of ["question", "send", "mic", "hands-free"]) element(id).disabled = !usable;
    this.#question.placeholder = usable ? "Ask about this lecture" : "Choose a lecture first";
  }

  #press() {
    this.#tell("listening", null);
    if (this.#dialogue.handsFree) this.#dialogue.setHandsFree(false);
    else this.#dialogue.press();
  }

  #submit() {
    const question = this.#question.value.trim();
    if (!question) return;
    this.#question.value = "";
    this.#tell("ask", question);
  }

  #key(event) {
    // Enter while a word is still being composed (in Japanese, say) only ends that word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#submit();
  }

  #show() {
    const { listening, ready, answering, handsFree } = this.#dialogue;
    this.#talk.show(listening, handsFree);
    this.#handsFree.checked = handsFree;
    if (listening === this.#listening.hidden) {
      this.#listening.hidden = !listening;
      this.#meter.clear();
    }
    const words = !ready ? "Opening the microphone …" : handsFree ? "Hands-free: just speak" : this.#talk.latched ? "Listening: press again to send" : "Listening";
    if (element("listening-words").textContent !== words) element("listening-words").textContent = words;
    // A button that vanishes under the focus would leave it nowhere.
    if (!answering && document.activeElement === this.#stop) this.#question.focus();
    this.#stop.hidden = !answering;
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
