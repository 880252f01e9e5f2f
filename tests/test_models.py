"""Fetching models, against a hub on loopback that serves tiny files, wrong ones, or only half of one."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import httpx
import pytest

from viva.errors import EngineUnavailable
from viva.models import (
    Model,
    ModelFile,
    ModelRejected,
    NoConnection,
    by_hand,
    choose,
    fetch,
    is_present,
    read_manifest,
)

WEIGHTS = bytes(range(256)) * 2000
REVISION = "a" * 40
PATH = f"/someone/tiny/resolve/{REVISION}/sub/model.bin"


def tiny_model(content: bytes = WEIGHTS) -> Model:
    file = ModelFile("sub/model.bin", len(content), hashlib.sha256(content).hexdigest())
    return Model("tiny", "whisper", "a test", "MIT", True, "someone/tiny", REVISION, "whisper/tiny", (file,))


@dataclass
class Hub:
    """What the hub serves, what it was asked for, and after how many bytes it hangs up."""

    url: str = ""
    content: dict[str, bytes] = field(default_factory=dict)
    ranges: list[str | None] = field(default_factory=list)
    cut_after: int | None = None


@pytest.fixture
def hub() -> Iterator[Hub]:
    state = Hub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.ranges.append(asked)
            body = state.content.get(self.path)
            if body is None:
                self.send_error(404)
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            self.wfile.write(body[start:] if state.cut_after is None else body[start : start + state.cut_after])

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=5) as opened:
        yield opened


def no_progress(_model: Model, _bytes: int) -> None:
    pass


def test_a_right_file_lands_under_its_name_and_progress_ends_at_the_whole(hub, client, tmp_path):
    """What the hub sends, and is what is pinned, is put in the model's folder without the repository's folders."""
    hub.content[PATH] = WEIGHTS
    seen: list[int] = []
    folder = fetch(tiny_model(), tmp_path, client, hub=hub.url, progress=lambda _model, count: seen.append(count))
    assert (folder / "model.bin").read_bytes() == WEIGHTS
    assert [path.name for path in folder.iterdir()] == ["model.bin"]
    assert seen == sorted(seen)
    assert seen[-1] == len(WEIGHTS)
    assert is_present(tiny_model(), tmp_path)


def test_a_second_fetch_asks_the_hub_for_nothing(hub, client, tmp_path):
    """Files that are there and right are kept as they are."""
    hub.content[PATH] = WEIGHTS
    for _ in range(2):
        fetch(tiny_model(), tmp_path, client, hub=hub.url, progress=no_progress)
    assert hub.ranges == [None]


@pytest.mark.parametrize(
    "content", [WEIGHTS[:-1] + b"x", WEIGHTS + b"more", WEIGHTS * 2], ids=["other", "longer", "twice"]
)
def test_a_wrong_file_is_thrown_away_and_said(hub, client, tmp_path, content):
    """Nothing is left behind of a file whose size or checksum is not the pinned one."""
    hub.content[PATH] = content
    with pytest.raises(ModelRejected, match="not the file that is pinned"):
        fetch(tiny_model(), tmp_path, client, hub=hub.url, progress=no_progress)
    assert list((tmp_path / "whisper/tiny").iterdir()) == []
    assert not is_present(tiny_model(), tmp_path)


def test_a_cut_connection_is_said_and_carried_on_from(hub, client, tmp_path):
    """What has arrived before the connection broke is kept, and only the rest is asked for the next time."""
    hub.content[PATH] = WEIGHTS
    hub.cut_after = 100_000
    with pytest.raises(NoConnection, match=r"0\.1 MB of 0\.5 MB are kept.*make models"):
        fetch(tiny_model(), tmp_path, client, hub=hub.url, progress=no_progress)
    assert not (tmp_path / "whisper/tiny/model.bin").exists()
    hub.cut_after = None
    folder = fetch(tiny_model(), tmp_path, client, hub=hub.url, progress=no_progress)
    assert (folder / "model.bin").read_bytes() == WEIGHTS
    assert hub.ranges == [None, "bytes=100000-"]


def test_a_leftover_of_another_file_is_found_out(hub, client, tmp_path):
    """A partial file that is not the beginning of the pinned one ends in a rejection, not in a broken model."""
    hub.content[PATH] = WEIGHTS
    part = tmp_path / "whisper/tiny/model.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"z" * 1000)
    with pytest.raises(ModelRejected):
        fetch(tiny_model(), tmp_path, client, hub=hub.url, progress=no_progress)
    assert not part.exists()


def test_no_connection_is_one_sentence_that_says_what_to_do(client, tmp_path):
    """With nobody listening, the message names the file and the two ways on."""
    with pytest.raises(NoConnection, match=r"model\.bin could not be fetched.*make models.*by hand"):
        fetch(tiny_model(), tmp_path, client, hub="http://127.0.0.1:9", progress=no_progress)


def test_an_answer_that_is_no_file_is_not_stored(hub, client, tmp_path):
    """An error page of the hub is reported with its status and leaves nothing behind."""
    with pytest.raises(NoConnection, match="answered 404"):
        fetch(tiny_model(), tmp_path, client, hub=hub.url, progress=no_progress)
    assert list((tmp_path / "whisper/tiny").iterdir()) == []


def test_a_file_placed_by_hand_is_checked_like_any_other(hub, client, tmp_path):
    """A wrong file under the right name is not taken for the model: it is fetched anew."""
    placed = tmp_path / "whisper/tiny/model.bin"
    placed.parent.mkdir(parents=True)
    placed.write_bytes(b"x" * len(WEIGHTS))
    assert not is_present(tiny_model(), tmp_path)
    hub.content[PATH] = WEIGHTS
    fetch(tiny_model(), tmp_path, client, hub=hub.url, progress=no_progress)
    assert placed.read_bytes() == WEIGHTS


def test_the_manifest_is_pinned_throughout():
    """Every model of models.toml is read, and the default ones cover both engines."""
    models = read_manifest()
    assert {model.engine for model in choose(models, [])} == {"whisper", "piper"}
    assert all(file.bytes > 0 for model in models for file in model.files)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda model: replace(model, revision="main"),
        lambda model: replace(model, files=(replace(model.files[0], sha256=""),)),
    ],
    ids=["a branch for a revision", "no checksum"],
)
def test_a_manifest_that_is_not_pinned_is_refused(wrong):
    """A branch name or a missing checksum stops the reading: such a file can never be fetched."""
    model = wrong(tiny_model())
    file = model.files[0]
    text = (
        f'[[models]]\nname="tiny"\nengine="whisper"\nabout="a test"\nlicense="MIT"\ndefault=true\n'
        f'repo="{model.repo}"\nrevision="{model.revision}"\nfolder="{model.folder}"\n'
        f'files=[{{path="{file.path}", bytes={file.bytes}, sha256="{file.sha256}"}}]\n'
    )
    with pytest.raises(ValueError, match="tiny"):
        read_manifest(text)


def test_an_unknown_name_is_answered_with_the_names_there_are():
    """Choosing a model that is not in the manifest names those that are."""
    with pytest.raises(EngineUnavailable, match=r"no model 'large'.*whisper-base\.en"):
        choose(read_manifest(), ["large"])


def test_the_lines_for_placing_by_hand_name_address_and_file(tmp_path):
    """Each pinned file is named with the address it comes from and the path it belongs to."""
    text = by_hand([tiny_model()], tmp_path)
    assert f"{REVISION}/sub/model.bin" in text
    assert str(tmp_path / "whisper/tiny/model.bin") in text
