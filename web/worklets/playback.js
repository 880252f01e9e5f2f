/** Plays answers: the audio thread's end of speaker.js. */
import { JitterBuffer } from "../jitter_buffer.js";

class Playback extends AudioWorkletProcessor {
  #buffer = new JitterBuffer(sampleRate);

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data.type === "push") this.#buffer.push(data.item, data.samples);
      if (data.type === "end") this.#buffer.end(data.item);
      if (data.type === "stop") this.#buffer.stop();
    };
  }

  process(_inputs, [[output]]) {
    for (const report of this.#buffer.read(output)) this.port.postMessage(report);
    return true;
  }
}

registerProcessor("viva-playback", Playback);
