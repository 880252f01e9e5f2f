/* Runs before the page: whatever a worklet sends to the loudspeaker is recorded too. */
window.heardBlocks = [];
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (this instanceof AudioWorkletNode && target instanceof AudioDestinationNode) {
    const context = this.context;
    context.audioWorklet.addModule(new URL("web/output_recorder.js", document.baseURI)).then(() => {
      const recorder = new AudioWorkletNode(context, "output-recorder", { numberOfOutputs: 0 });
      recorder.port.onmessage = ({ data }) => window.heardBlocks.push(data);
      connect.call(this, recorder);
    });
  }
  return connect.call(this, target, ...rest);
};
