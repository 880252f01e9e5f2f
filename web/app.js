/** The page: makes its parts and connects them. Each part is a file named after what it is. */

import { address, audioAddress, readLecture, readSession } from "./api.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { ConversationView } from "./conversation_view.js";
import { Dialogue } from "./dialogue.js";
import { Lectures } from "./lectures.js";
import { LecturesView, nameOf, state } from "./lectures_view.js";
import { LinkView } from "./link_view.js";
import { Memory } from "./memory.js";
import { Microphone } from "./microphone.js";
import { Notices } from "./notices.js";
import { showPane, watchTabs } from "./panes.js";
import { Player } from "./player.js";
import { PlayerView } from "./player_view.js";
import { Speaker } from "./speaker.js";
import { element } from "./template.js";
import { TranscriptView } from "./transcript_view.js";
import { UploadsView } from "./uploads_view.js";

class App {
  #memory = new Memory();
  #notices = new Notices();
  #lectures = new Lectures();
  #conversation = new Conversation();
  #speaker = new Speaker();
  #microphone = new Microphone();
  #player = new Player(element("audio"));
  /** @type {string|null} */ #lecture = null;

  #connection = new Connection((again) => this.#address(again));
  #dialogue = new Dialogue(this.#connection, this.#conversation, this.#microphone, this.#speaker);
  #lecturesView = new LecturesView(this.#lectures);
  #conversationView = new ConversationView(this.#conversation);
  #transcript = new TranscriptView();
  #playerView = new PlayerView(this.#player);
  #composer = new Composer(this.#dialogue, this.#microphone);
  #uploads = new UploadsView();

  async start() {
    new LinkView(this.#connection);
    watchTabs((pane) => pane === "lecture" && this.#transcript.reveal());
    this.#wireLectures();
    this.#wireTalk();
    this.#wirePlayer();
    element("spoken").checked = this.#dialogue.spoken = this.#memory.spoken;
    this.#composer.usable = false;
    await this.#try(() => this.#lectures.load());
    // Others may have added some, from the command line or in another window.
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#lectures.load().catch(() => {}));
    const last = this.#lectures.get(this.#memory.lecture) ?? this.#lectures.all[0];
    if (last) await this.#choose(last.lecture_id);
    else this.#showNothing();
  }

  #wireLectures() {
    this.#uploads.addEventListener("uploaded", ({ detail }) => {
      this.#lectures.add(detail);
      this.#choose(detail.lecture_id);
    });
    this.#lecturesView.addEventListener("choose", ({ detail }) => this.#choose(detail.lecture_id).then(() => showPane("talk")));
    this.#lecturesView.addEventListener("delete", ({ detail }) => this.#try(() => this.#lectures.remove(detail.lecture_id)));
    this.#lecturesView.addEventListener("more", () => this.#try(() => this.#lectures.loadMore()));
    this.#lectures.addEventListener("change", () => this.#showLecture());
    this.#lectures.addEventListener("segments", ({ detail: { lecture_id, segments, anew } }) => {
      if (lecture_id !== this.#lecture) return;
      if (anew) this.#transcript.clear("The first words appear in a moment.");
      this.#transcript.add(segments);
    });
  }

  #wireTalk() {
    this.#composer.addEventListener("ask", ({ detail }) => this.#ask(() => this.#dialogue.ask(detail)));
    this.#composer.addEventListener("listening", () => this.#ask(() => {}));
    this.#composer.addEventListener("spoken", ({ detail }) => {
      this.#memory.spoken = this.#dialogue.spoken = detail;
    });
    this.#dialogue.addEventListener("notice", ({ detail }) => this.#notices.show(detail));
    this.#dialogue.addEventListener("session", ({ detail }) => this.#lecture && this.#memory.keepSession(this.#lecture, detail));
    this.#conversation.addEventListener("unknown", () => this.#lecture && !this.#dialogue.answering && this.#loadHistory(this.#lecture));
    this.#conversationView.addEventListener("again", ({ detail }) => this.#ask(() => this.#dialogue.askAgain(detail)));
    this.#conversationView.addEventListener("cite", ({ detail }) => this.#cite(detail));
  }

  #wirePlayer() {
    this.#player.addEventListener("change", () => this.#transcript.show(this.#player.position, this.#player.isPlaying));
    this.#player.addEventListener("change", () => this.#markCited());
    this.#player.addEventListener("cited", ({ detail }) => this.#transcript.cite(detail));
    this.#player.addEventListener("failed", () => this.#notices.show("The recording cannot be played just now. Try again in a moment."));
    this.#transcript.addEventListener("seek", ({ detail }) => {
      this.#dialogue.hush();
      this.#player.seek(detail);
      this.#player.play();
    });
  }

  /** A question silences the lecture, and what was wrong before is past. */
  #ask(act) {
    this.#player.pause();
    this.#notices.clear();
    act();
  }

  /** @param {import("./api.js").Citation} citation */
  #cite(citation) {
    const { cited, isPlaying } = this.#player;
    if (isPlaying && cited === citation) {
      this.#player.pause();
      return;
    }
    this.#dialogue.hush(); // two voices at once are none
    this.#player.playSeconds(citation);
  }

  #markCited() {
    this.#conversationView.markPlaying(this.#player.isPlaying ? this.#player.cited : null);
  }

  /** @param {boolean} again whether the page goes on: then it is told what it has missed */
  #address(again) {
    const target = address("v1/realtime");
    if (this.#lecture) target.searchParams.set("lecture_id", this.#lecture);
    const session = this.#lecture && this.#memory.session(this.#lecture);
    if (session) target.searchParams.set("session_id", session);
    if (session && again) target.searchParams.set("last_item_id", this.#conversation.lastItem ?? "none");
    return target;
  }

  /** @param {string} id */
  async #choose(id) {
    if (id === this.#lecture) return;
    this.#connection.close();
    await this.#dialogue.leave();
    this.#lecture = this.#memory.lecture = id;
    this.#lecturesView.chosen = id;
    this.#notices.clear();
    this.#transcript.clear("The first words appear in a moment.");
    this.#player.load(null);
    this.#conversation.begin([]);
    this.#lectures.prefer(id);
    this.#showLecture();
    await Promise.all([this.#loadHistory(id), this.#loadTranscript(id)]);
    if (id === this.#lecture) this.#connection.open();
  }

  async #loadHistory(id) {
    const session = this.#memory.session(id);
    if (!session) return;
    try {
      const { turns } = await readSession(session);
      if (id === this.#lecture) this.#conversation.begin(turns);
    } catch (error) {
      if (error.status === 404) this.#memory.keepSession(id, null); // forgotten, or nothing was ever asked in it
      else this.#notices.show(error.message);
    }
  }

  async #loadTranscript(id) {
    await this.#try(async () => {
      const lecture = await readLecture(id);
      if (id !== this.#lecture || lecture.status !== "ready") return; // its events bring the words
      this.#transcript.clear(lecture.segments.length ? "" : "Not a word was heard in this recording.");
      this.#transcript.add(lecture.segments);
    });
  }

  /** The chosen lecture as it is now; it may have been deleted meanwhile. */
  #showLecture() {
    const lecture = this.#lectures.get(this.#lecture);
    if (!lecture) {
      if (this.#lecture) this.#leave();
      return;
    }
    element("lecture-title").textContent = nameOf(lecture);
    element("lecture-about").textContent = state(lecture);
    document.title = `${nameOf(lecture)} · Viva`;
    const decoded = lecture.status === "ready" || (lecture.status === "transcribing" && lecture.progress > 0);
    this.#playerView.visible = decoded;
    if (decoded && !element("audio").getAttribute("src")) this.#player.load(audioAddress(lecture.lecture_id));
    this.#composer.usable = lecture.status !== "failed";
    this.#conversationView.welcome(lecture.status === "ready" ? "ask" : "waiting");
  }

  async #leave() {
    this.#connection.close();
    const gone = this.#lecture;
    this.#lecture = this.#memory.lecture = null;
    if (gone) this.#memory.keepSession(gone, null);
    await this.#dialogue.leave();
    this.#showNothing();
  }

  #showNothing() {
    this.#lecturesView.chosen = null;
    this.#conversation.begin([]);
    this.#player.load(null);
    this.#playerView.visible = false;
    this.#transcript.clear("The transcript appears here, word for word, beside the recording.");
    element("lecture-title").textContent = "No lecture chosen";
    element("lecture-about").textContent = "";
    document.title = "Viva";
    this.#composer.usable = false;
    this.#conversationView.welcome(this.#lectures.all.length ? "choose" : "empty");
  }

  /** Says what went wrong, in the server's own sentence. */
  async #try(act) {
    try {
      await act();
    } catch (error) {
      this.#notices.show(error.message);
    }
  }
}

new App().start();
