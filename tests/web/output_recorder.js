/* Keeps what a worklet gives to the loudspeaker, exactly as it gives it. */
class OutputRecorder extends AudioWorkletProcessor {
  process([input]) {
    if (input.length) this.port.postMessage(input[0].slice());
    return true;
  }
}

registerProcessor("output-recorder", OutputRecorder);
