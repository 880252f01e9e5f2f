/** The conversation on the page: its turns in order, kept in sight while the last of them grows. */

import { element, fill } from "./template.js";
import { TurnView } from "./turn_view.js";

/** So near to the end one reads the end. */
const NEAR_PX = 120;

/** Events: "cite" (detail: Citation), "again" (detail: Turn). */
export class ConversationView extends EventTarget {
  /** @type {Map<import("./turn.js").Turn, TurnView>} */ #views = new Map();
  #scroller = element("conversation");
  #list = element("turns");
  #welcome = element("welcome");
  #cited = null;

  /** @param {import("./conversation.js").Conversation} conversation */
  constructor(conversation) {
    super();
    conversation.addEventListener("turn", ({ detail }) => this.#show(detail));
    conversation.addEventListener("removed", ({ detail }) => this.#remove(detail));
    conversation.addEventListener("reset", () => this.#reset());
  }

  /** What stands there before the first question. @param {"empty"|"choose"|"ask"|"waiting"} kind */
  welcome(kind) {
    if (this.#welcome.dataset.kind === kind) return;
    this.#welcome.dataset.kind = kind;
    this.#welcome.replaceChildren(fill(`welcome-${kind}`));
  }

  /** @param {{start: number, end: number}|null} cited */
  markPlaying(cited) {
    this.#cited = cited;
    for (const view of this.#views.values()) view.markPlaying(cited);
  }

  #show(turn) {
    const known = this.#views.get(turn);
    const follows = !known || this.#nearEnd();
    const view = known ?? this.#add(turn);
    view.update();
    view.markPlaying(this.#cited);
    this.#welcome.hidden = true;
    if (follows) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #add(turn) {
    const view = new TurnView(turn);
    for (const type of ["cite", "again"]) {
      view.addEventListener(type, ({ detail }) => this.dispatchEvent(new CustomEvent(type, { detail })));
    }
    this.#views.set(turn, view);
    this.#list.append(view.root);
    return view;
  }

  #remove(turn) {
    this.#views.get(turn)?.root.remove();
    this.#views.delete(turn);
    this.#welcome.hidden = this.#views.size > 0;
  }

  #reset() {
    this.#views.clear();
    this.#list.replaceChildren();
    this.#welcome.hidden = false;
  }

  #nearEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }
}
