"""From a service that answers with 5xx to somebody who is told: real services, Prometheus and Alertmanager."""

import os
import re
import signal
from pathlib import Path

from viva.client import VivaClient
from viva.errors import VivaError
from viva.samples import cached
from viva.stack.ports import free_ports
from viva.stack.stack import Stack

from .alertmanager import OnCall, alertmanager_part, on_call
from .api import wait_for
from .queries import RULES
from .watched import START_S, Watched, watched

PATIENCE_S = 120.0
ALERT = "VivaHttp5xx"


def hurried(folder: Path) -> list[Path]:
    """The rules with seconds instead of minutes to wait and to look back, so that a test can see them through."""
    copies = []
    for path in RULES:
        copy = folder / path.name
        text = re.sub(r"for: \d+m", "for: 2s", path.read_text())
        copy.write_text(text.replace("[5m]", "[20s]"))
        copies.append(copy)
    return copies


def ask(client: VivaClient, lecture: str, spoken: Path) -> str:
    """`done`, or the code of the error."""
    try:
        *_, last = client.ask(None, lecture, spoken)
    except VivaError as error:
        return error.code
    return getattr(last, "code", "done")


def test_5xx_wake_somebody_and_the_end_of_them_is_told_too(tmp_path: Path):
    """asr is killed and spoken questions get 503: the webhook hears of it, with the runbook, and of its end."""
    spoken, _ = cached("Who made the first integrated circuit?", tmp_path)
    with on_call() as person:
        part = alertmanager_part(tmp_path / "alertmanager", free_ports(1)[0], person.url)
        with Stack([part], tmp_path) as alertmanager:
            alertmanager.start(START_S)
            address = part.url.removeprefix("http://")
            with watched(tmp_path / "watched", alertmanager=address, rules=hurried(tmp_path)) as everything:
                _kill_asr_and_be_told(everything, person, spoken)


def _kill_asr_and_be_told(everything: Watched, person: OnCall, spoken: Path) -> None:
    asr = everything.stack["asr"]
    with VivaClient(everything.url) as client:
        lecture = client.upload(spoken).lecture_id
        list(client.follow(lecture))
        assert ask(client, lecture, spoken) == "done"
        os.kill(asr.pid, signal.SIGKILL)
        assert asr.wait(START_S)
        everything.prometheus.wait_for_scrape()

        def asked_and_told() -> dict | None:
            assert ask(client, lecture, spoken) == "asr_unavailable"
            return person.told(ALERT, "firing")

        fired = wait_for("a notification", asked_and_told, PATIENCE_S)
        everything.stack.restart(asr)
        wait_for("asr again", asr.check_ready, START_S)
        wait_for("an answer", lambda: ask(client, lecture, spoken) == "done", PATIENCE_S)
    assert fired["labels"]["component"] == "orchestrator"
    assert fired["labels"]["severity"] == "critical"
    assert re.fullmatch(r"orchestrator answers [\d.]+% of its requests with 5xx\.", fired["annotations"]["summary"])
    assert fired["annotations"]["runbook_url"] == f"docs/runbooks/{ALERT}.md"
    resolved = wait_for("its end", lambda: person.told(ALERT, "resolved"), PATIENCE_S)
    assert resolved["labels"] == fired["labels"]
