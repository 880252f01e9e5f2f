"""The process that the decoder's children are forked from: `python -m viva.audio.forker`.

It has every library loaded, one thread, and never looks at a recording. Its stdin is a socket to the
service. Each byte that comes is the number of descriptors that come with it: one to talk to the child, which
becomes the child's stdin and stdout, its lifeline, which stays here, and the recording, where it has no path. The
service lets go of the lifeline to have the child killed; this process writes the child's exit status on it and
closes it, once the child has been reaped.

Nothing outlives the service: at the end of stdin the children are killed. Nothing outlives this process
either: on Linux the system kills the children with it, elsewhere they find nobody to write to.
"""

import contextlib
import ctypes
import gc
import os
import resource
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from viva.audio import worker
from viva.audio.job import RECORDING, STATUS

READY = b"R"
MOST_OPEN_FILES = 1024  # two descriptors for each child, and few enough to be closed one by one
PR_SET_PDEATHSIG = 1


class Forker:
    """Forks a child for each byte on `control`, and reaps them."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lifelines: dict[int, socket.socket] = {}  # by the child's process id
        self._die_with_parent = _parent_death_signal()
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only a signal that has a handler wakes us
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)

    def serve(self) -> None:
        """Serve until the service is gone, and leave no child behind."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    self._woken.recv(4096)
                    self._reap()
                elif key.fileobj is not self._control:
                    self._let_go(key.data, key.fileobj)
                elif not self._take():
                    self._kill_all()
                    return

    def _take(self) -> bool:
        """Fork a child for what was sent; False at the end."""
        try:
            sent, descriptors, _, _ = socket.recv_fds(self._control, 1, 3)
        except ConnectionError:
            return False
        try:
            if sent and len(descriptors) == sent[0]:  # fewer where too many files are open: both ends see it closed
                self._fork(*descriptors)
        except OSError:
            pass  # no process or memory to be had; the service sees a lifeline that ends with no status
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return bool(sent)

    def _fork(self, answers: int, lifeline: int, recording: int | None = None) -> None:
        ours = os.getpid()
        pid = os.fork()
        if not pid:
            try:
                self._become_child(answers, recording, ours)
            finally:
                os._exit(1)
        self._lifelines[pid] = socket.socket(fileno=os.dup(lifeline))
        self._selector.register(self._lifelines[pid], selectors.EVENT_READ, pid)

    def _become_child(self, answers: int, recording: int | None, parent: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._die_with_parent()
        if os.getppid() != parent:
            return
        os.dup2(os.open(os.devnull, os.O_RDWR), 2)
        os.dup2(answers, 0)
        os.dup2(answers, 1)
        if recording is not None:
            os.dup2(recording, RECORDING)
        unwanted = RECORDING if recording is None else RECORDING + 1
        os.closerange(unwanted, MOST_OPEN_FILES)  # the ends of other children's sockets among them
        gc.enable()
        worker.serve()
        os._exit(0)  # nothing to tidy up: what was inherited is not ours

    def _let_go(self, pid: int, lifeline: socket.socket) -> None:
        if self._lifelines.get(pid) is lifeline:  # it may have been reaped a moment ago
            self._selector.unregister(lifeline)
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while self._lifelines:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._lifelines.pop(pid) as lifeline:
                with contextlib.suppress(KeyError):  # it was let go
                    self._selector.unregister(lifeline)
                with contextlib.suppress(OSError):  # nobody waits for it
                    lifeline.send(STATUS.pack(os.waitstatus_to_exitcode(status)))

    def _kill_all(self) -> None:
        for pid in self._lifelines:
            os.kill(pid, signal.SIGKILL)
        for pid in self._lifelines:
            os.waitpid(pid, 0)


def _parent_death_signal() -> Callable[[], object]:
    """What a child calls, on Linux, to be killed when this process ends however it ends."""
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _threads() -> int:
    if sys.platform == "linux":
        return len(list(Path("/proc/self/task").iterdir()))
    return threading.active_count()


def main() -> None:
    """Load everything, say so, and fork."""
    # A signal to the whole process group (Ctrl-C, a supervisor) is the service's to answer: it may want
    # to finish its work first, and we end when it does.
    for sent in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sent, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_OPEN_FILES, most))
    worker.prepare()
    if _threads() != 1:
        raise RuntimeError("a library has started a thread; a process with threads must not be forked")
    # What is there now is there for good: the children's garbage collections leave its pages shared.
    gc.disable()
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=0)
    forker = Forker(control)
    control.send(READY)
    forker.serve()


if __name__ == "__main__":
    main()
