/** Bytes to and from base64, as the protocol carries audio. */

/** Characters that one call may get as arguments without running out of stack. */
const PIECE = 0x8000;

/** @param {string} text @returns {Uint8Array} */
export function bytesFromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** @param {Uint8Array} bytes @returns {string} */
export function base64FromBytes(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE) text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(text);
}
