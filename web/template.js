/** Copies of the page's <template>s: the markup stays in index.html, where it can be read. */

/** @param {string} name @returns {DocumentFragment} */
export function fill(name) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(`template-${name}`));
  return /** @type {DocumentFragment} */ (template.content.cloneNode(true));
}

/** @param {string} name of a template with one element @returns {HTMLElement} */
export function make(name) {
  return /** @type {HTMLElement} */ (fill(name).firstElementChild);
}

/** @param {string} id @returns {any} the element, which is known to be there */
export function element(id) {
  return document.getElementById(id);
}

/** @param {string} tag @param {string} className @param {string} [text] */
export function tag(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
