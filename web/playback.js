/** The end of the line: samples into the browser's audio, through the jitter buffer. */

import { JitterBuffer } from "./jitter_buffer.js";

/** Long enough for a page that is busy drawing. */
const BLOCK_WITHOUT_WORKLET = 4096;

/**
 * @typedef {import("./jitter_buffer.js").Report} Report
 * @typedef {{post: (message: any, transfer?: Transferable[]) => void}} Playback  takes what worklets/playback.js takes
 */

/** @param {AudioContext} context @param {(report: Report) => void} hear @returns {Promise<Playback>} */
export async function openPlayback(context, hear) {
  return context.audioWorklet ? inWorklet(context, hear) : inPage(context, hear);
}

async function inWorklet(context, hear) {
  await context.audioWorklet.addModule(new URL("worklets/playback.js", import.meta.url));
  const node = new AudioWorkletNode(context, "viva-playback", { numberOfInputs: 0, outputChannelCount: [1] });
  node.port.onmessage = ({ data }) => hear(data);
  node.connect(context.destination);
  return { post: (message, transfer) => node.port.postMessage(message, transfer) };
}

/** Browsers have worklets only on pages from https:// or this machine; answers are to be heard on others too. */
function inPage(context, hear) {
  const buffer = new JitterBuffer(context.sampleRate);
  const node = context.createScriptProcessor(BLOCK_WITHOUT_WORKLET, 1, 1);
  node.onaudioprocess = ({ outputBuffer }) => buffer.read(outputBuffer.getChannelData(0)).forEach(hear);
  node.connect(context.destination);
  return { post: (message) => buffer.take(message) };
}
