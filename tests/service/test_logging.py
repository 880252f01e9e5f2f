"""Logs: which format they have."""

import json
import os
import pty
import subprocess
import sys

import pytest

LOG = """
import structlog
from viva.service.logging import configure_logging
from viva.service.settings import ServiceSettings

configure_logging("asr", ServiceSettings(log_format={log_format!r}))
structlog.get_logger().info("it happened", count=3)
"""


def logged(log_format: str, *, on_terminal: bool) -> str:
    """What a process logs whose stderr is a terminal, or a pipe."""
    command = [sys.executable, "-c", LOG.format(log_format=log_format)]
    if not on_terminal:
        return subprocess.run(command, capture_output=True, text=True, check=True).stderr
    ours, theirs = pty.openpty()
    try:
        subprocess.run(command, stderr=theirs, check=True)
        return os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    ("log_format", "on_terminal", "as_json"),
    [
        ("auto", True, False),
        ("auto", False, True),
        ("json", True, True),
        ("text", False, False),
    ],
)
def test_auto_is_text_on_a_terminal_and_json_otherwise(log_format, on_terminal, as_json):
    """A collector gets JSON without being asked, a person lines; either may be asked for."""
    line = logged(log_format, on_terminal=on_terminal)
    assert "it happened" in line
    if as_json:
        assert json.loads(line)["count"] == 3
    else:
        assert not line.lstrip().startswith("{")


@pytest.mark.parametrize("value", ["'\\ud800'", "2**70", "{1: 2}", "{'a', 'a'}", "ValueError('x')", "float('nan')"])
def test_every_value_can_be_logged(value):
    """A line is not lost for what is in it."""
    log = LOG.format(log_format="json").replace("count=3", f"count={value}")
    run = subprocess.run([sys.executable, "-c", log], capture_output=True, text=True, check=True)
    assert "count" in json.loads(run.stderr)


def test_sessions_in_the_addresses_of_websockets_are_not_logged():
    """Who has a session's id has the session; uvicorn would log it with the query."""
    log = (
        LOG.format(log_format="json")
        + """
import logging
error = logging.getLogger("uvicorn.error")
error.info('%s - "WebSocket %s" [accepted]', "1.2.3.4:5", "/v1/realtime?session_id=ses_secret")
error.info("Started server process")
"""
    )
    logged = subprocess.run([sys.executable, "-c", log], capture_output=True, text=True, check=True).stderr
    assert "ses_secret" not in logged
    assert "Started server process" in logged
