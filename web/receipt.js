/** The latency receipt: where the time went until the answer was heard (or read), as a bar of stages with numbers. */

import { tag } from "./template.js";
import { milliseconds } from "./times.js";

/**
 * @typedef {{kind: string, name: string, ms: number}} Stage
 */

/**
 * The stages one after another, as they add up to the first sound.
 * The receipt's first two are durations that run side by side, the others are moments since the question had arrived.
 * @param {import("./turn.js").Receipt} receipt
 * @returns {Stage[]}
 */
export function stages(receipt) {
  const heard = receipt.asr_ms ?? 0;
  const recalled = Math.max(heard, receipt.recall_ms ?? 0);
  const token = receipt.llm_first_token_ms ?? recalled;
  const clause = receipt.first_sentence_ms ?? token;
  const sound = receipt.first_audio_ms ?? clause;
  const found = [
    { kind: "hear", name: "hear", ms: heard },
    { kind: "recall", name: "recall", ms: recalled - heard },
    { kind: "think", name: "first word", ms: token - recalled },
    { kind: "clause", name: "first clause", ms: clause - token },
    { kind: "speak", name: "speak", ms: sound - clause },
  ];
  return found.filter(({ ms }) => ms >= 0.5);
}

/** @param {HTMLElement} place @param {import("./turn.js").Receipt} receipt */
export function showReceipt(place, receipt) {
  const found = stages(receipt);
  const sum = found.reduce((total, { ms }) => total + ms, 0);
  const bar = tag("div", "receipt-bar");
  bar.setAttribute("aria-hidden", "true"); // the numbers below say the same
  const list = tag("ul", "receipt-stages");
  list.setAttribute("aria-label", "Where the time went");
  const first = receipt.first_audio_ms === null || receipt.first_audio_ms === undefined ? "first words" : "first sound";
  const head = tag("li", "receipt-sum", `${milliseconds(sum)} to the ${first}`);
  list.append(head);
  for (const { kind, name, ms } of found) {
    const part = tag("span", `receipt-part stage-${kind}`);
    part.style.flexGrow = String(ms);
    part.title = `${name} ${milliseconds(ms)}`;
    bar.append(part);
    const item = tag("li", "");
    const key = tag("span", `receipt-key stage-${kind}`);
    key.setAttribute("aria-hidden", "true");
    item.append(key, `${name} ${milliseconds(ms)}`);
    list.append(item);
  }
  list.append(tag("li", "", `whole answer ${milliseconds(receipt.total_ms)}`));
  place.replaceChildren(bar, list);
}
