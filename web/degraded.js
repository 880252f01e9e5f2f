/** What was replaced in an answer, in words: nobody is to take a stand-in for the real thing. */

/** @param {string} degraded such as "llm:extractive,tts:text_only" @returns {string} */
export function degradedWords(degraded) {
  return degraded.split(",").map(words).join(" · ");
}

function words(name) {
  const [stage, what] = name.split(":");
  if (name === "tts:text_only") return "The voice is down, so this is text only";
  if (name === "lecture:partial") return "Not all of the lecture is transcribed yet";
  if (stage === "llm") return `The language model is down; ${what} stood in`;
  return `Degraded: ${name}`;
}
