"""Why a service could not start, read from its log."""

import subprocess
import sys

import pytest

from viva.stack.last_words import last_words

LOG = """
import structlog
from viva.service.logging import configure_logging
from viva.service.settings import ServiceSettings

configure_logging("asr", ServiceSettings(log_format={log_format!r}))
structlog.get_logger().error("cannot start", code="earlier", reason="something else")
structlog.get_logger().error("cannot start", code="engine_unavailable", reason={reason!r})
structlog.get_logger().info("request", code="not_this", reason="nor this")
"""


REASONS = ['It\'s "so".\nRun `make models` = é, reason=x.', "short", "It's so.", 'The "one".']


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("reason", REASONS)
def test_what_a_service_logs_is_read_back_word_for_word(log_format, reason):
    """Both formats, whatever characters the sentence has; the last failed start counts."""
    code = LOG.format(log_format=log_format, reason=reason)
    logged = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert last_words(logged.splitlines()) == ("engine_unavailable", reason)


@pytest.mark.parametrize("line", ["", "{", '{"event": "cannot start"}', "Traceback", "cannot start because"])
def test_a_log_that_does_not_say_why_is_none(line):
    """Then the end of the log is shown as it is."""
    assert last_words([line]) is None
