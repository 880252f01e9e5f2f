/** What the browser keeps between visits: which lecture, and the session of each. */

const LECTURE = "viva.lecture";
const SESSION = "viva.session.";
const SPOKEN = "viva.spoken";

/** Never fails: a browser that keeps nothing (private windows may) only forgets. */
export class Memory {
  get lecture() {
    return read(LECTURE);
  }

  set lecture(id) {
    write(LECTURE, id);
  }

  get spoken() {
    return read(SPOKEN) !== "no";
  }

  set spoken(yes) {
    write(SPOKEN, yes ? "yes" : "no");
  }

  /** @param {string} lecture @returns {string|null} */
  session(lecture) {
    return read(SESSION + lecture);
  }

  /** @param {string} lecture @param {string|null} session null: forget it */
  keepSession(lecture, session) {
    write(SESSION + lecture, session);
  }
}

function read(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Kept for this visit only.
  }
}
