"""What `helm test` does: gives a lecture, asks a spoken question about it and hears the answer, over the real Services.

    ask_question.py URL SECONDS

The recordings are spoken by the installation's own voice, so nothing has to be brought along. Exits 0, or 1 with a
sentence.
"""

import base64
import json
import sys
import time
import urllib.error
import urllib.request
import uuid

LECTURE = (
    "Technical debt is the extra work that a team has to do later because it chose an easy solution now. "
    "The term was coined by Ward Cunningham. A team that never pays its debt back becomes slower every month."
)
QUESTION = "What is technical debt?"
LEAST_AUDIO_BYTES = 2000


class Failed(Exception):
    """Said to the operator as one sentence."""


class Viva:
    """The few calls of the public API that the test makes; each within what is left of the time."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url.rstrip("/")
        self._until = time.monotonic() + seconds
        # A proxy for the web must not get what is meant for this cluster.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def left_s(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise Failed("The time of the test is over; raise tests.timeoutSeconds if the machine is slow.")
        return left

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        request = urllib.request.Request(self._url + path, body, {"Content-Type": kind} if body else {}, method=method)
        try:
            with self._opener.open(request, timeout=self.left_s()) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            said = error.read(2000).decode(errors="replace")
            raise Failed(f"{method} {path} answered {error.code}: {said}") from None
        except OSError as error:
            raise Failed(f"{method} {path} got no answer: {error}") from None

    def post(self, path: str, **fields: object) -> bytes:
        return self.call("POST", path, json.dumps(fields).encode())

    def upload(self, path: str, field: str, audio: bytes, **fields: str) -> bytes:
        """A multipart form with a recording in it."""
        mark = uuid.uuid4().hex
        parts = [(f'form-data; name="{name}"', value.encode()) for name, value in fields.items()]
        parts.append((f'form-data; name="{field}"; filename="recording.wav"', audio))
        body = b"".join(
            f"--{mark}\r\nContent-Disposition: {head}\r\n\r\n".encode() + value + b"\r\n" for head, value in parts
        )
        return self.call("POST", path, body + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}")

    def speak(self, text: str) -> bytes:
        return self.post("/v1/audio/speech", model="tts-1", voice="alloy", input=text, response_format="wav")


def wait_for_transcript(viva: Viva, lecture_id: str) -> None:
    while True:
        lecture = json.loads(viva.call("GET", f"/v1/lectures/{lecture_id}"))
        if lecture["status"] == "ready":
            return
        if lecture["status"] == "failed":
            raise Failed(f"The lecture could not be transcribed: {lecture.get('error')}")
        viva.left_s()
        time.sleep(0.5)


def ask(viva: Viva, lecture_id: str) -> dict:
    """Ask the question out loud; returns `done`, with the bytes of audio that came as `audio_bytes`."""
    answer = viva.upload("/invoke", "audio", viva.speak(QUESTION), lecture_id=lecture_id)
    events = [json.loads(line) for line in answer.splitlines() if line.strip()]
    last = events[-1] if events else {"type": "nothing"}
    if last["type"] != "done":
        raise Failed(f"The turn ended in {json.dumps(last)}")
    heard = sum(len(base64.b64decode(event["data"])) for event in events if event["type"] == "audio")
    if heard < LEAST_AUDIO_BYTES:
        raise Failed(f"The answer was not spoken: {heard} bytes of audio came; degraded is {last['degraded']}.")
    if not last["answer"].strip():
        raise Failed("The answer is empty.")
    return {**last, "audio_bytes": heard}


def main(url: str, seconds: float) -> int:
    viva = Viva(url, seconds)
    try:
        print("Health:", viva.call("GET", "/health").decode(), flush=True)
        lecture = json.loads(viva.upload("/v1/lectures", "file", viva.speak(LECTURE), title="helm test"))
        try:
            wait_for_transcript(viva, lecture["lecture_id"])
            done = ask(viva, lecture["lecture_id"])
        finally:
            viva.call("DELETE", f"/v1/lectures/{lecture['lecture_id']}")
    except Failed as error:
        print(error, flush=True)
        return 1
    print("Heard:   ", done["question"])
    print("Answered:", done["answer"], f"({done['audio_bytes']} bytes of audio)")
    print("Receipt: ", json.dumps(done["receipt"]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
