/** Records the microphone: 24 kHz, 16 bit, mono, in blocks of 60 ms with their level. Posts {samples, level}. */
import { Resampler } from "../resampler.js";

const RATE_HZ = 24000;
const BLOCK = (RATE_HZ * 60) / 1000;

class Capture extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, RATE_HZ);
  #block = new Int16Array(BLOCK);
  #filled = 0;

  constructor() {
    super();
    // What is asked for by a flush: the end of a question must not wait for a block to fill.
    this.port.onmessage = ({ data }) => {
      this.#post();
      this.port.postMessage({ flushed: data.flush });
    };
  }

  process([input]) {
    if (!input.length) return true;
    for (const value of this.#resampler.feed(mono(input))) {
      this.#block[this.#filled++] = Math.max(-32768, Math.min(32767, Math.round(value * 32768)));
      if (this.#filled === BLOCK) this.#post();
    }
    return true;
  }

  #post() {
    if (!this.#filled) return;
    const samples = this.#block.slice(0, this.#filled);
    this.#filled = 0;
    this.port.postMessage({ samples, level: rms(samples) }, [samples.buffer]);
  }
}

function mono(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
}

/** Root mean square, 0 to 1. */
function rms(samples) {
  let sum = 0;
  for (const value of samples) sum += value * value;
  return Math.sqrt(sum / samples.length) / 32768;
}

registerProcessor("viva-capture", Capture);
