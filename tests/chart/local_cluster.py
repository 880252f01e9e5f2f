"""Runs pods' containers as processes of this machine, as their manifests say: command, environment, files, user.

What is changed, and why, since there is neither a container nor a cluster around them:

- `SERVICE:PORT` becomes `127.0.0.1:` and a free port, and VIVA_PORT that port: there is no DNS for Services, and the
  ports may be taken;
- a folder where a volume is mounted becomes a folder made for it, but for /tmp, which is this machine's own;
- `python` is this one, and redis-server and redis-cli are told their port.

Run by root, the processes have the user, the group and the (lack of) capabilities of the pod. So they can write to
/tmp and to what is mounted for them to write, as on a read-only root file system. Run by anybody else, they are that
user's.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from viva.stack.ports import LOOPBACK, free_ports

from .chart import ROOT
from .manifests import Rendered
from .pods import Pod
from .variables import Surroundings, entry_point, environment, expand

_OWN = {"/tmp"}  # mounted in every pod, and there on every machine
_PATIENCE_S = 120.0  # of a busy machine


class LocalCluster:
    """A context manager: leaving it ends every process and removes the volumes."""

    def __init__(self, rendered: Rendered, folder: Path) -> None:
        """`folder` must be one that other users may enter."""
        self._rendered = rendered
        self._surroundings = Surroundings(rendered)
        self._folder = folder
        services = {each["metadata"]["name"]: each["spec"]["ports"][0]["port"] for each in rendered.kind("Service")}
        free = dict(zip(services, free_ports(len(services)), strict=True))
        self.ports = {name: free[name] for name in services}
        self._addresses = {f"{name}:{port}": f"{LOOPBACK}:{free[name]}" for name, port in services.items()}
        self._running: list[RunningContainer] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: type[BaseException] | BaseException | TracebackType | None) -> None:
        for container in self._running:
            container.kill()

    def port_of(self, pod: Pod) -> int | None:
        """The port that stands for the one of the pod's Service."""
        return self.ports.get(pod.owner["metadata"]["name"])

    def start(self, pod: Pod) -> "RunningContainer":
        """Starts the pod's container."""
        started = RunningContainer(self, pod)
        self._running.append(started)
        return started

    def run(self, pod: Pod, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Runs the container of a pod that ends by itself."""
        command, environ = self.command(pod), self.environment(pod)
        return subprocess.run(
            command, env=environ, cwd="/", capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def command(self, pod: Pod) -> list[str]:
        """What to run, under the pod's user."""
        environ = environment(pod, pod.main, self._surroundings)
        words = pod.main.get("command") or entry_point(pod.component)
        words = [self.here(pod, expand(word, environ)) for word in [*words, *(pod.main.get("args") or [])]]
        if words[0] in ("python", "python3"):
            words[0] = sys.executable
        if words[0] == "redis-server":
            words += ["--port", str(self.port_of(pod)), "--bind", LOOPBACK]
        return [*as_user_of(pod), *words]

    def environment(self, pod: Pod) -> dict[str, str]:
        """The container's variables, with the addresses and folders of this machine; nothing of this process's."""
        environ = environment(pod, pod.main, self._surroundings)
        environ = {name: self.here(pod, value) for name, value in environ.items()}
        if "VIVA_PORT" in environ:
            environ["VIVA_PORT"] = str(self.port_of(pod))
        return {**environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def here(self, pod: Pod, text: str) -> str:
        """A text of a manifest with the addresses and folders of this machine."""
        for theirs, ours in self._addresses.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(theirs)}(?!\d)", ours, text)
        for mount in pod.main.get("volumeMounts") or []:
            path = mount["mountPath"].rstrip("/")
            if path not in _OWN:
                text = re.sub(rf"(?<![\w./-]){re.escape(path)}(?![\w.-])", str(self._mounted(pod, mount)), text)
        return text

    def _mounted(self, pod: Pod, mount: Mapping) -> Path:
        """The folder of a mounted volume, made and filled when it is first asked for."""
        volume = pod.volumes[mount["name"]]
        folder = self._folder / pod.owner["metadata"]["name"] / mount["name"]
        if not folder.exists():
            folder.mkdir(parents=True)
            for kind, field, name in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
                if field in volume:
                    self._fill(pod, folder, self._rendered.find(kind, volume[field][name]))
                    break
            else:
                _give_to(pod, folder)
        return folder / mount.get("subPath", "")

    def _fill(self, pod: Pod, folder: Path, manifest: dict | None) -> None:
        assert manifest is not None, f"{pod} mounts something that is not rendered"
        for name, text in Surroundings.data(manifest).items():
            (folder / name).write_text(self.here(pod, text) if name.endswith(".conf") else text)


def _give_to(pod: Pod, folder: Path) -> None:
    """As the kubelet does for fsGroup: the group may write."""
    if os.geteuid() == 0:
        os.chown(folder, 0, pod.spec["securityContext"]["fsGroup"])
        folder.chmod(0o2775)


def as_user_of(pod: Pod) -> list[str]:
    """What makes root run a command as the pod's user, with no capabilities and none to be had; nothing for others.

    Where this repository or Python lies in a folder that is root's alone, the right to read all files is left.
    """
    if os.geteuid() != 0:
        return []
    context = pod.spec["securityContext"]
    bare = _with_rights(context, "-all")
    readable = subprocess.run([*bare, "sh", "-c", _CAN_READ, ROOT / "viva", sys.executable], check=False)
    return bare if readable.returncode == 0 else _with_rights(context, "-all,+dac_read_search")


_CAN_READ = 'test -r "$0" && test -x "$1"'


def _with_rights(context: Mapping, kept: str) -> list[str]:
    user, group, groups = (str(context[name]) for name in ("runAsUser", "runAsGroup", "fsGroup"))
    rights = [f"--{kind}={kept}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return ["setpriv", "--reuid", user, "--regid", group, "--groups", groups, *rights, "--no-new-privs", "--"]


class RunningContainer:
    """A started container: its process, log and probes."""

    def __init__(self, cluster: LocalCluster, pod: Pod) -> None:
        self.pod = pod
        self._cluster = cluster
        self._log = cluster._folder / f"{pod.owner['metadata']['name']}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                cluster.command(pod),
                env=cluster.environment(pod),
                cwd="/",  # the image's own folder is not there; what is relative to it must be on a volume anyway
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._cluster.port_of(self.pod)}"

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_until(self, probe: str) -> None:
        """Waits until a probe of the manifest ("startup", "readiness", "liveness") succeeds."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self.answers(probe):
            assert self.process.poll() is None, f"{self.pod} ended with {self.process.returncode}:\n{self.log[-3000:]}"
            assert time.monotonic() < deadline, f"{self.pod}: {probe} does not succeed:\n{self.log[-3000:]}"
            time.sleep(0.1)

    def answers(self, name: str) -> bool:
        """Whether a probe of the manifest succeeds, asked once."""
        probe = self.pod.main[f"{name}Probe"]
        timeout = probe.get("timeoutSeconds", 1)
        if "exec" in probe:
            return self._execute(probe["exec"]["command"], timeout)
        if "tcpSocket" in probe:
            return self._execute([sys.executable, "-c", _CONNECT, str(self._cluster.port_of(self.pod))], timeout)
        assert probe["httpGet"]["port"] in self.pod.port_numbers
        try:
            return httpx.get(self.url + probe["httpGet"]["path"], timeout=timeout).is_success
        except httpx.HTTPError:
            return False

    def _execute(self, command: list[str], timeout_s: float) -> bool:
        """Runs a command inside the container."""
        port = f"redis-cli -p {self._cluster.port_of(self.pod)}"
        command = [self._cluster.here(self.pod, word).replace("redis-cli", port) for word in command]
        environ = self._cluster.environment(self.pod)
        try:
            done = subprocess.run(
                [*as_user_of(self.pod), *command], env=environ, capture_output=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def stop(self) -> int:
        """SIGTERM; the exit status, which has to come within the manifest's time to end."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(self.pod.spec["terminationGracePeriodSeconds"])

    def kill(self) -> None:
        """SIGKILL to whatever of it is left."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


_CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"
