"""Brings pinned models into a folder, or waits until they are there. Run by init containers and the Job of the chart.

    fetch_models.py fetch|wait

MODELS is a JSON list. An entry is {"named": NAME} for a model of viva/models.toml in the image, or {"repo",
"revision", "folder", "sha256": {FILE: HASH}, "ignore": [PATTERN]} for all files of a repository at a commit. They are
laid under MODELS_DIR (default /models). HF_ENDPOINT is the hub, HF_TOKEN its token.

Every file is compared with its SHA-256, or with the git hash that small files have; a broken download is carried on;
what is there and right is not fetched again, and then the hub is not even asked. Only the standard library is used,
since it runs in images that have nothing else in common.
"""

import concurrent.futures
import contextlib
import fcntl
import fnmatch
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

DONE = ".viva-complete.json"
BLOCK = 1 << 20
ATTEMPTS = 8
AT_ONCE = 4
TIMEOUT_S = 60


class Refused(Exception):
    """Said to the operator as one sentence; trying again would not help."""


@dataclass(frozen=True)
class File:
    """One file to be had. `name` is its path in the folder, `digest` "sha256:…" or "git:…" (the hash of a git blob)."""

    url: str
    name: str
    size: int
    digest: str


class NoForeignToken(urllib.request.HTTPRedirectHandler):
    """Follows redirects without the token: the hub sends large files from servers that it is not meant for."""

    def redirect_request(self, request, *rest):
        new = super().redirect_request(request, *rest)
        if new is not None and host_of(new.full_url) != host_of(request.full_url):
            new.remove_header("Authorization")
        return new


def host_of(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc


def say(text: str) -> None:
    print(text, flush=True)


def open_url(url: str, headers: dict[str, str]):
    token = os.environ.get("HF_TOKEN", "").strip()
    if token:
        headers = {**headers, "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", **headers})
    return urllib.request.build_opener(NoForeignToken).open(request, timeout=TIMEOUT_S)


def files_of(model: dict, hub: str) -> list[File]:
    """The files of a repository at its commit, with the hashes that the hub has for that commit."""
    url = f"{hub}/api/models/{model['repo']}/revision/{model['revision']}?blobs=true"
    try:
        with open_url(url, {}) as answer:
            listed = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise Refused(f"The hub wants a token that may read {model['repo']}: set models.existingSecret.") from None
        if error.code == 404:
            raise Refused(f"The hub has no {model['repo']} at {model['revision']}.") from None
        raise
    if listed.get("sha") != model["revision"]:
        raise Refused(f"The hub answered for another commit of {model['repo']} than was asked for.")
    pinned = model.get("sha256", {})
    files = []
    for entry in listed["siblings"]:
        path = entry["rfilename"]
        if any(fnmatch.fnmatch(path, pattern) for pattern in model.get("ignore", [])):
            continue
        large = entry.get("lfs") or {}
        digest = f"sha256:{large['sha256']}" if large else f"git:{entry['blobId']}"
        if path in pinned and large and large["sha256"] != pinned[path]:
            raise Refused(f"The hub's SHA-256 of {path} is not the one that is pinned.")
        where = f"{hub}/{model['repo']}/resolve/{model['revision']}/{urllib.parse.quote(path)}"
        files.append(File(where, path, entry["size"], f"sha256:{pinned[path]}" if path in pinned else digest))
    if missing := sorted(set(pinned) - {file.name for file in files}):
        raise Refused(f"{model['repo']} has no file {missing[0]}, whose SHA-256 is pinned.")
    return files


def named_files(name: str, hub: str) -> tuple[str, list[File]]:
    """Folder and files of a model in viva/models.toml."""
    import tomllib
    from importlib import resources

    for model in tomllib.loads(resources.files("viva").joinpath("models.toml").read_text())["models"]:
        if model["name"] == name:
            base = f"{hub}/{model['repo']}/resolve/{model['revision']}"
            return model["folder"], [
                File(f"{base}/{path}", path.rsplit("/", 1)[-1], file["bytes"], f"sha256:{file['sha256']}")
                for file in model["files"]
                for path in [file["path"]]
            ]
    raise Refused(f"There is no model {name!r} in viva/models.toml of this image.")


def digest_of(path: Path, kind: str) -> str:
    found = hashlib.sha256() if kind == "sha256" else hashlib.sha1(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as opened:
        while block := opened.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def is_right(path: Path, file: File) -> bool:
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    kind, _, digest = file.digest.partition(":")
    return digest_of(path, kind) == digest


def fetch(file: File, folder: Path) -> None:
    """Bring one file; it appears under its name only when it is whole and right."""
    target = folder / file.name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise Refused(f"The hub names a file outside the folder: {file.name}.")
    if is_right(target, file):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    for attempt in range(ATTEMPTS):
        try:
            append(file, part)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise Refused(f"{file.name} could not be fetched: the hub answered {error.code}.") from None
            problem = f"the hub answered {error.code}"
        except OSError as error:
            problem = type(error).__name__
        if attempt + 1 == ATTEMPTS:
            raise OSError(f"{file.name} could not be fetched: {problem}")
        time.sleep(min(30, 2**attempt))
    if not is_right(part, file):
        part.unlink(missing_ok=True)
        raise Refused(f"{file.name} is not the file that is pinned (its size or hash differs), so it was thrown away.")
    part.replace(target)


def append(file: File, part: Path) -> None:
    """Append what is missing of `part`; raises OSError when the connection breaks off."""
    here = part.stat().st_size if part.exists() else 0
    if here == file.size:
        return
    if here > file.size:
        part.unlink()
        here = 0
    with open_url(file.url, {"Range": f"bytes={here}-"} if here else {}) as answer:
        if answer.status != 206:  # the whole file, whatever was asked for
            here = 0
        with part.open("ab" if here else "wb") as out:
            while block := answer.read(BLOCK):
                here += len(block)
                if here > file.size:
                    break
                out.write(block)
    if here < file.size:
        raise ConnectionError("broke off")


def folder_of(model: dict, root: Path, hub: str) -> Path:
    return root / (named_files(model["named"], hub)[0] if "named" in model else model["folder"])


def is_complete(model: dict, folder: Path) -> bool:
    """Whether a former run brought this very model and its files still have their sizes."""
    try:
        note = json.loads((folder / DONE).read_text())
    except (OSError, ValueError):
        return False
    if note.get("model") != model:
        return False
    files = ((folder / name, size) for name, size in note["files"].items())
    return all(path.is_file() and path.stat().st_size == size for path, size in files)


@contextlib.contextmanager
def locked(folder: Path):
    """One download at a time, where several pods share the volume. A volume that knows no locks is used without."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".viva-lock").open("w") as lock:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def bring(model: dict, root: Path, hub: str) -> None:
    """Bring one model, and note that it is complete."""
    folder = folder_of(model, root, hub)
    if is_complete(model, folder):
        say(f"{folder}: here already")
        return
    with locked(folder):
        if is_complete(model, folder):
            say(f"{folder}: here already")
            return
        files = named_files(model["named"], hub)[1] if "named" in model else files_of(model, hub)
        total = sum(file.size for file in files)
        say(f"{folder}: {len(files)} files, {total / 1e6:.0f} MB")
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for done in concurrent.futures.as_completed([pool.submit(fetch, file, folder) for file in files]):
                done.result()
        note = json.dumps({"model": model, "files": {file.name: file.size for file in files}})
        part = folder / (DONE + ".part")
        part.write_text(note)
        part.replace(folder / DONE)
        say(f"{folder}: complete and checked, in {time.monotonic() - started:.0f} s")


def wait(model: dict, root: Path, hub: str) -> None:
    """Wait until another has brought the model."""
    folder = folder_of(model, root, hub)
    told = 0.0
    while not is_complete(model, folder):
        if time.monotonic() - told > 60 or not told:
            say(f"{folder}: not there yet; the Job brings it")
            told = time.monotonic()
        time.sleep(2)
    say(f"{folder}: here")


def main(arguments: list[str]) -> int:
    work = {"fetch": bring, "wait": wait}[arguments[0]]
    root = Path(os.environ.get("MODELS_DIR", "/models"))
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    try:
        for model in json.loads(os.environ["MODELS"]):
            work(model, root, hub)
    except Refused as error:
        say(str(error))
        return 2
    except OSError as error:
        say(f"No connection, or it broke off; what has arrived is kept for the next attempt. ({error})")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
