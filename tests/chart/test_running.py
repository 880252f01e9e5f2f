"""The manifests run: Redis and the four services as processes, as the rendered manifests say, answer a question.

local_cluster.py says what is changed for lack of containers and DNS.
"""

import os
import signal
import socket
from pathlib import Path

import psutil

from viva.client import Lecture, VivaClient
from viva.events import Audio, Done, Transcript
from viva.stack.ports import LOOPBACK

from .local_cluster import LocalCluster, RunningContainer
from .manifests import Rendered
from .running import ORDER


def test_every_component_becomes_ready_by_its_own_probes(running: dict[str, RunningContainer]):
    """Start, readiness and life as the manifest asks for them; and what it writes is JSON."""
    for component, container in running.items():
        assert container.process.poll() is None
        if component != "redis":
            assert container.log.lstrip().startswith("{"), container.log[:300]


def test_nobody_is_root_and_nobody_has_capabilities(running: dict[str, RunningContainer]):
    """The processes run as the manifests' user and group; run by somebody else than root, as that user."""
    for container in running.values():
        context = container.pod.spec["securityContext"]
        process = psutil.Process(container.process.pid)
        wanted = context["runAsUser"] if os.geteuid() == 0 else os.getuid()
        assert set(process.uids()) == {wanted}
        assert wanted != 0
        if os.geteuid() == 0:
            assert set(process.gids()) == {context["runAsGroup"]}
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert "NoNewPrivs:\t1" in status


def test_an_uploaded_recording_becomes_a_lecture(lecture: Lecture):
    """Through the orchestrator, its object store on the volume, asr and Redis."""
    assert lecture.is_ready
    assert "kilby" in " ".join(segment.text for segment in lecture.segments).lower()


def test_a_spoken_question_is_answered_out_loud(
    running: dict[str, RunningContainer], lecture: Lecture, recordings: tuple[Path, Path]
):
    """Heard by asr, answered by llm, spoken by tts: every stage under the address that the manifest gives it."""
    with VivaClient(running["orchestrator"].url) as client:
        events = list(client.ask(None, lecture.lecture_id, recordings[1]))
    assert isinstance(events[0], Transcript)
    done = events[-1]
    assert isinstance(done, Done), done
    assert "kilby" in done.answer.lower()
    assert done.degraded is None
    assert done.history_saved
    audio = [event for event in events if isinstance(event, Audio)]
    assert sum(len(event.data) for event in audio) > 1000


def test_what_is_kept_lies_on_the_volumes(
    running: dict[str, RunningContainer], lecture: Lecture, folder: Path, defaults: Rendered
):
    """The recording on the orchestrator's volume, the sessions in Redis' append-only file."""
    assert any(path.is_file() for path in (folder / "viva-orchestrator" / "objects").rglob("*"))
    assert any(path.stat().st_size for path in (folder / "viva-redis" / "data").rglob("*.aof"))


def test_redis_wants_the_password(running: dict[str, RunningContainer], cluster: LocalCluster):
    """The Secret's password is asked for, and nothing is told without it."""
    with socket.create_connection((LOOPBACK, cluster.ports["viva-redis"]), timeout=10) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(64).startswith(b"-NOAUTH")


def test_the_helm_test_passes_against_them(
    running: dict[str, RunningContainer], cluster: LocalCluster, defaults: Rendered
):
    """The hook's own command, with its own script, asks its question over the Services."""
    (hook,) = [pod for pod in defaults.pods if pod.component == "test"]
    done = cluster.run(hook, timeout_s=hook.spec["activeDeadlineSeconds"])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_helm_test_fails_when_no_audio_can_come(
    running: dict[str, RunningContainer], cluster: LocalCluster, defaults: Rendered
):
    """With tts stopped a question is answered in text alone, which the test does not take for a voice."""
    running["tts"].stop()
    (hook,) = [pod for pod in defaults.pods if pod.component == "test"]
    assert cluster.run(hook, timeout_s=hook.spec["activeDeadlineSeconds"]).returncode != 0


def test_everything_ends_when_it_is_told_to(running: dict[str, RunningContainer]):
    """SIGTERM ends each process in order, in the time that the manifest gives it."""
    for component in reversed(ORDER):
        container = running[component]
        if container.process.poll() is None:
            assert container.stop() in (0, -signal.SIGTERM), container.log[-2000:]
        said = "bye bye" if component == "redis" else "Application shutdown complete."
        assert said in container.log
