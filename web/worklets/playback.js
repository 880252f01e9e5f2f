/** Plays answers: what playback.js does, on the audio thread. */
import { JitterBuffer } from "../jitter_buffer.js";

class Playback extends AudioWorkletProcessor {
  #buffer = new JitterBuffer(sampleRate);

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#buffer.take(data);
  }

  process(_inputs, [[output]]) {
    for (const report of this.#buffer.read(output)) this.port.postMessage(report);
    return true;
  }
}

registerProcessor("viva-playback", Playback);
