"""Fetches the real models: pinned by commit, checked by SHA-256, carried on where a broken connection stopped."""

import hashlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath

import httpx

from viva.errors import EngineUnavailable

HUB = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model: where it lies in the repository, how long it is, and what it must hash to."""

    path: str
    bytes: int
    sha256: str  # hexadecimal

    @property
    def name(self) -> str:
        """The file's name without folders: the folders of the repository are not kept."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class Model:
    """One model of models.toml. `folder` is relative to the models folder."""

    name: str
    engine: str
    about: str
    license: str
    default: bool
    repo: str
    revision: str  # a full commit hash
    folder: str
    files: tuple[ModelFile, ...]

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(file.bytes for file in self.files)


Progress = Callable[[Model, int], None]
"""Called with a model and how many bytes of it are here."""


class NoConnection(EngineUnavailable):
    """The hub cannot be reached, or broke off."""

    default_code = "models_unreachable"


class ModelRejected(EngineUnavailable):
    """What the hub sent is not what is pinned."""

    default_code = "model_rejected"


def read_manifest(text: str | None = None) -> list[Model]:
    """The models in `text`, or in the models.toml of this package.

    Raises ValueError for one that is not fully pinned: no file is ever fetched without a checksum.
    """
    if text is None:
        text = resources.files("viva").joinpath("models.toml").read_text(encoding="utf-8")
    models = [
        Model(**{**entry, "files": tuple(ModelFile(**file) for file in entry["files"])})
        for entry in tomllib.loads(text)["models"]
    ]
    for model in models:
        if not _is_hex(model.revision, 40):
            raise ValueError(f"{model.name}: the revision has to be a full commit hash")
        for file in model.files:
            if not _is_hex(file.sha256, 64):
                raise ValueError(f"{model.name}: {file.path} has no SHA-256")
    return models


def choose(models: list[Model], names: list[str]) -> list[Model]:
    """The models called `names`, or the default ones. Raises EngineUnavailable for a name that is not there."""
    if not names:
        return [model for model in models if model.default]
    by_name = {model.name: model for model in models}
    for name in names:
        if name not in by_name:
            raise EngineUnavailable(f"There is no model {name!r}. There are: {', '.join(by_name)}.")
    return [by_name[name] for name in names]


def is_present(model: Model, root: Path) -> bool:
    """Whether every file of `model` is under `root` and is what is pinned. Reads them whole."""
    return all(_matches(root / model.folder / file.name, file) for file in model.files)


def fetch(model: Model, root: Path, client: httpx.Client, *, hub: str = HUB, progress: Progress) -> Path:
    """Brings `model` under `root` and returns its folder; files that are there and right are kept.

    A file appears under its name only when it is whole and its checksum is right. Raises NoConnection, with what
    has arrived kept for the next attempt, and ModelRejected.
    """
    folder = root / model.folder
    folder.mkdir(parents=True, exist_ok=True)
    arrived = 0
    for file in model.files:
        target = folder / file.name
        if not _matches(target, file):
            url = f"{hub.rstrip('/')}/{model.repo}/resolve/{model.revision}/{file.path}"
            _fetch_file(file, url, target, client, lambda count, before=arrived: progress(model, before + count))
        arrived += file.bytes
        progress(model, arrived)
    return folder


def by_hand(models: list[Model], root: Path, *, hub: str = HUB) -> str:
    """Lines that say which address goes into which file, for whoever fetches them on another machine."""
    return "\n".join(
        f"{hub.rstrip('/')}/{model.repo}/resolve/{model.revision}/{file.path}\n    -> {root / model.folder / file.name}"
        for model in models
        for file in model.files
    )


def _fetch_file(file: ModelFile, url: str, target: Path, client: httpx.Client, progress: Callable[[int], None]) -> None:
    part = target.with_name(target.name + ".part")
    try:
        if not _matches(part, file):
            _download(file, url, part, client, progress)
    except httpx.HTTPStatusError as error:
        raise NoConnection(
            f"{file.name} could not be fetched: {httpx.URL(url).host} answered {error.response.status_code}. "
            "Try again later, or place the files by hand."
        ) from error
    except httpx.HTTPError as error:
        here = part.stat().st_size if part.exists() else 0
        so_far = f" {_megabytes(here)} of {_megabytes(file.bytes)} are kept." if here else ""
        raise NoConnection(
            f"{file.name} could not be fetched: no connection to {httpx.URL(url).host}, or it broke off.{so_far} "
            "Run `make models` again when you are online (it carries on), or place the files by hand."
        ) from error
    if not _matches(part, file):
        part.unlink()
        raise ModelRejected(
            f"{file.name} is not the file that is pinned (its size or SHA-256 differs), so it was thrown away. "
            "Run `make models` again; if it happens again, something between here and the hub changes files."
        )
    part.replace(target)


def _download(file: ModelFile, url: str, part: Path, client: httpx.Client, progress: Callable[[int], None]) -> None:
    """Appends to `part` what is missing of it, and never more than one block beyond the pinned size."""
    here = part.stat().st_size if part.exists() else 0
    if here >= file.bytes:
        part.unlink()
        here = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={here}-"} if here else {})
    with client.stream("GET", url, headers=headers, follow_redirects=True) as response:
        response.raise_for_status()
        if response.status_code != 206:  # the server sends the whole file, whatever was asked for
            here = 0
        with part.open("ab" if here else "wb") as out:
            for block in response.iter_raw():  # as it comes: blocks of a set size would be lost when it breaks off
                out.write(block)
                here += len(block)
                progress(min(here, file.bytes))
                if here > file.bytes:
                    return


def _matches(path: Path, file: ModelFile) -> bool:
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and all(char in "0123456789abcdef" for char in text)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
