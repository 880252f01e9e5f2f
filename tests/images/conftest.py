"""The Dockerfiles as lists of instructions, and what an engine is sent to build them from."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("asr", "llm", "tts", "orchestrator")

Instruction = tuple[str, str]
"""A keyword in capitals and the rest of its line, continuations joined."""


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """One Dockerfile; a stage is what stands from one FROM to the next."""

    service: str
    text: str
    stages: tuple[tuple[Instruction, ...], ...]

    def all(self, keyword: str, stage: int | None = None) -> list[str]:
        """What stands after each `keyword` of one stage, or of all."""
        stages = self.stages if stage is None else (self.stages[stage],)
        return [rest for instructions in stages for word, rest in instructions if word == keyword]

    def variables(self, keyword: str, stage: int) -> dict[str, str]:
        """The name=value pairs of ENV, LABEL or ARG in one stage, in order, quotes taken off."""
        pairs = {}
        for rest in self.all(keyword, stage):
            for name, quoted, bare in re.findall(r'([\w.]+)=(?:"([^"]*)"|(\S*))', rest):
                pairs[name] = quoted or bare
        return pairs

    def sources(self) -> list[str]:
        """What is copied from the repository, by paths relative to its root."""
        copies = [rest.split() for rest in self.all("COPY") if not rest.startswith("--from")]
        return [source.removeprefix("./") for words in copies for source in words[:-1]]


def parse(service: str, text: str) -> Dockerfile:
    """Reads the subset that our Dockerfiles use: comments, continued lines, one instruction a line."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: list[list[Instruction]] = []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "FROM":
            stages.append([])
        if keyword:
            stages[-1].append((keyword, rest.strip()))
    return Dockerfile(service, text, tuple(tuple(stage) for stage in stages))


@pytest.fixture(scope="session")
def read_dockerfile() -> Callable[[str], Dockerfile]:
    """Reads the Dockerfile of a service, or of what else has an image."""

    def read(name: str) -> Dockerfile:
        folder = ROOT / "services" / name if name in SERVICES else ROOT / name
        return parse(name, (folder / "Dockerfile").read_text(encoding="utf-8"))

    return read


@pytest.fixture(params=SERVICES)
def dockerfile(request: pytest.FixtureRequest, read_dockerfile) -> Dockerfile:
    """Each Dockerfile in turn."""
    return read_dockerfile(request.param)


@dataclass(frozen=True, slots=True)
class Ignored:
    """The patterns of .dockerignore, read as the engines do: from the root unless they begin with **."""

    patterns: tuple[str, ...]

    def __contains__(self, path: object) -> bool:
        """Whether a path, relative to the root, is left out, by itself or with a folder above it."""
        parts = PurePosixPath(str(path)).parts
        prefixes = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        return any(self._matches(pattern, prefix) for pattern in self.patterns for prefix in prefixes)

    @staticmethod
    def _matches(pattern: str, path: str) -> bool:
        if pattern.startswith("**/"):
            return fnmatch(path.rpartition("/")[2], pattern[3:])
        return path.count("/") == pattern.count("/") and fnmatch(path, pattern)


@pytest.fixture(scope="session")
def ignored() -> Ignored:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = tuple(line.strip().rstrip("/") for line in lines if line.strip() and not line.startswith("#"))
    assert not any(pattern.startswith("!") or "**" in pattern[2:] for pattern in patterns), "not read by Ignored"
    return Ignored(patterns)


@pytest.fixture(scope="session")
def repository() -> list[str]:
    """The files of the repository as a fresh clone has them, with those that are about to be committed."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


CORE = ("bash", "cat", "dirname", "env", "grep", "head", "mktemp", "rm", "sed")
"""What the scripts themselves use; nothing else of this machine is on their PATH, so that no real engine is called."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a script ended, what it said, and the programs that it called, one command line each."""

    status: int
    printed: str
    said: str
    calls: list[str]


class Programs:
    """Stand-ins for programs on a PATH of their own: each writes down how it was called and answers as it is told."""

    def __init__(self, folder: Path) -> None:
        self._bin = folder / "bin"
        self._calls = folder / "calls"
        self._bin.mkdir()
        for name in CORE:
            (self._bin / name).symlink_to(shutil.which(name))

    def add(self, *names: str, **fails: int) -> None:
        """Installs programs that succeed, except at the subcommands in `fails`, which end with the given status."""
        for name in names:
            cases = "".join(f'"{name} {words.replace("_", " ")}"*) exit {code} ;;\n' for words, code in fails.items())
            self._write(name, f'case "{name} $*" in\n{cases}esac')

    def answers(self, name: str, subcommand: str, printed: str) -> None:
        """Lets a program that is installed print a text at one of its subcommands."""
        path = self._bin / name
        path.write_text(f'{path.read_text()}case "$*" in "{subcommand}"*) echo "{printed}" ;; esac\n')

    def _write(self, name: str, body: str) -> None:
        path = self._bin / name
        # The one variable that decides how a program works stands in front, as in a shell.
        provider = "${KIND_EXPERIMENTAL_PROVIDER:+provider=$KIND_EXPERIMENTAL_PROVIDER }"
        path.write_text(f'#!/bin/bash\necho "{provider}{name} $*" >>"{self._calls}"\n{body}\n')
        path.chmod(0o755)

    def run(self, script: str, *arguments: str, **variables: str) -> Ran:
        """Runs one of scripts/ with these programs only, and only these variables."""
        return self._run([ROOT / "scripts" / script, *arguments], variables)

    def make(self, *arguments: str) -> Ran:
        """Runs make in the same way, as somebody would who types these arguments."""
        return self._run([Path(shutil.which("make")), "--no-print-directory", *arguments], {})

    def _run(self, command: list, variables: dict[str, str]) -> Ran:
        self._calls.write_text("")
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={"PATH": str(self._bin), "TMPDIR": str(self._bin.parent), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Ran(done.returncode, done.stdout, done.stderr, self._calls.read_text().splitlines())


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.fixture(scope="session")
def version() -> str:
    """The version of this repository, which is what images are tagged with."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
