/** How the page wants its session, as session.update takes it. */

/** @param {boolean} spoken whether answers are spoken @param {boolean} handsFree whether the server hears when one speaks */
export function sessionSettings(spoken, handsFree) {
  const format = { type: "audio/pcm", rate: 24000 };
  const detection = { type: "server_vad", create_response: true, interrupt_response: true };
  return {
    type: "realtime",
    output_modalities: [spoken ? "audio" : "text"],
    audio: {
      input: { format, transcription: { model: "whisper-1" }, turn_detection: handsFree ? detection : null },
      output: { format },
    },
  };
}
