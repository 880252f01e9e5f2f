/* Runs before the page: whatever a worklet sends to the loudspeaker is recorded too. */
window.heardBlocks = [];

function listenIn() {
  // With any worklet of the page comes the recorder, so that it is there before the first sound.
  const { addModule } = AudioWorklet.prototype;
  AudioWorklet.prototype.addModule = async function (address, ...rest) {
    await addModule.call(this, new URL("web/output_recorder.js", document.baseURI));
    return addModule.call(this, address, ...rest);
  };

  const { connect } = AudioNode.prototype;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (this instanceof AudioWorkletNode && target instanceof AudioDestinationNode) {
      const recorder = new AudioWorkletNode(this.context, "output-recorder", { numberOfOutputs: 0 });
      recorder.port.onmessage = ({ data }) => window.heardBlocks.push(data);
      connect.call(this, recorder);
    }
    return connect.call(this, target, ...rest);
  };
}

// Pages from plain http have no worklets.
if (window.isSecureContext) listenIn();
