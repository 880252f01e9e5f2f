/** A WebSocket that comes back by itself. */

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 15_000;
/** A connection that stood this long was a good one: the next loss starts the waiting anew. */
const GOOD_AFTER_MS = 5_000;

/**
 * @typedef {"closed"|"connecting"|"open"|"waiting"} State
 *
 * Events: "state" (detail: {state, waitMs, lost}), "event" (detail: an event of the server).
 */
export class Connection extends EventTarget {
  /** @type {WebSocket|undefined} */ #socket;
  /** @type {State} */ #state = "closed";
  #address;
  #attempt = 0;
  #timer = 0;
  #openedAt = 0;
  #lost = false;
  #again = false;

  /** @param {(again: boolean) => URL} address where to connect, asked anew for every attempt; `again`: to go on */
  constructor(address) {
    super();
    this.#address = address;
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.retryNow());
  }

  get state() {
    return this.#state;
  }

  open() {
    this.close();
    this.#attempt = 0;
    this.#lost = this.#again = false;
    this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
    this.#become("closed");
  }

  /** The person does not want to wait. */
  retryNow() {
    if (this.#state !== "waiting") return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  /** @param {object} event @returns {boolean} whether it was sent */
  send(event) {
    if (this.#state !== "open" || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(event));
    return true;
  }

  #connect() {
    const address = this.#address(this.#again);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address, ["realtime"]);
    this.#socket = socket;
    this.#become("connecting");
    socket.addEventListener("message", ({ data }) => this.#socket === socket && this.#receive(JSON.parse(data)));
    socket.addEventListener("close", () => this.#socket === socket && this.#wait());
  }

  #receive(event) {
    // The server speaks first: before that an open socket may still be a proxy's.
    if (event.type === "session.created") {
      this.#openedAt = performance.now();
      this.#again = true;
      this.#become("open");
      this.#lost = false;
    }
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
  }

  #wait() {
    this.#socket = undefined;
    if (this.#state === "open" && performance.now() - this.#openedAt > GOOD_AFTER_MS) this.#attempt = 0;
    this.#lost = this.#lost || this.#state === "open";
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#attempt++);
    // Spread out, so that the pages of a whole class do not come back in the same instant.
    const waitMs = longest * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => this.#connect(), waitMs);
    this.#become("waiting", waitMs);
  }

  /** @param {State} state */
  #become(state, waitMs = 0) {
    if (state === this.#state) return;
    this.#state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, waitMs, lost: this.#lost } }));
  }
}
