/**
 * Changes the rate of a stream of samples: a windowed-sinc filter, evaluated where the output's samples fall.
 *
 * Browsers record at the rate of the device (44.1 or 48 kHz, 16 kHz on some headsets), the protocol wants 24 kHz.
 * Leaving out samples without the filter would fold everything above 12 kHz into the speech.
 */

/** Zero crossings on each side of the filter: enough that what folds back is inaudible. */
const CROSSINGS = 12;
/** Part of the band that is kept whole; the filter falls off in the rest. */
const PASSED = 0.92;
/** Filters kept between two input samples. */
const PHASES = 128;

export class Resampler {
  #step;
  #half;
  /** @type {Float32Array[]} */ #filters = [];
  /** Input that later output may still need; its first sample is at #start of the stream. */
  #kept;
  /** Where the next output sample lies in #kept, in input samples. */
  #position;

  /** @param {number} fromHz @param {number} toHz */
  constructor(fromHz, toHz) {
    this.#step = fromHz / toHz;
    const cutoff = PASSED * Math.min(1, toHz / fromHz);
    this.#half = Math.ceil(CROSSINGS / cutoff);
    for (let phase = 0; phase <= PHASES; phase++) this.#filters.push(filter(this.#half, cutoff, phase / PHASES));
    // Silence before the beginning, so that the first sample has neighbours too.
    this.#kept = new Float32Array(this.#half);
    this.#position = this.#half;
  }

  /**
   * @param {Float32Array} input
   * @returns {Float32Array} as many samples as can be told by now
   */
  feed(input) {
    const kept = new Float32Array(this.#kept.length + input.length);
    kept.set(this.#kept);
    kept.set(input, this.#kept.length);
    const count = Math.max(0, Math.ceil((kept.length - this.#half - this.#position) / this.#step));
    const output = new Float32Array(count);
    for (let i = 0; i < count; i++) output[i] = this.#sample(kept, this.#position + i * this.#step);
    this.#position += count * this.#step;
    const spent = Math.max(0, Math.floor(this.#position) - this.#half);
    this.#kept = kept.subarray(spent);
    this.#position -= spent;
    return output;
  }

  /** @param {Float32Array} kept @param {number} position */
  #sample(kept, position) {
    const whole = Math.floor(position);
    const taps = this.#filters[Math.round((position - whole) * PHASES)];
    let sum = 0;
    const first = whole - this.#half + 1;
    for (let k = 0; k < taps.length; k++) sum += taps[k] * (kept[first + k] ?? 0);
    return sum;
  }
}

/** The taps for an output sample that lies `fraction` of the way between two input samples. */
function filter(half, cutoff, fraction) {
  const taps = new Float32Array(2 * half);
  let sum = 0;
  for (let k = 0; k < taps.length; k++) {
    const distance = k - half + 1 - fraction;
    const angle = Math.PI * cutoff * distance;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / half);
    taps[k] = Math.abs(distance) >= half ? 0 : (angle === 0 ? 1 : Math.sin(angle) / angle) * window;
    sum += taps[k];
  }
  for (let k = 0; k < taps.length; k++) taps[k] /= sum; // every phase passes a constant unchanged
  return taps;
}
