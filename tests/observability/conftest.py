"""One watched stack with traffic behind it, for all tests that ask Prometheus about it."""

from collections.abc import Iterator

import pytest

from viva.errors import EngineUnavailable
from viva.stack.prometheus import find_program

from .traffic import make_traffic
from .watched import Watched, watched


@pytest.fixture(scope="session", autouse=True)
def _programs() -> None:
    """They are there, or nothing is tested."""
    try:
        for names in (("prometheus",), ("promtool",), ("alertmanager", "prometheus-alertmanager")):
            find_program(*names)
    except EngineUnavailable as error:
        pytest.exit(f"run these tests with make test-observability: {error.message}", returncode=3)


@pytest.fixture(scope="session")
def under_load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The stack after every kind of question, scraped before and after."""
    with watched(tmp_path_factory.mktemp("watched")) as everything:
        make_traffic(everything)
        yield everything
