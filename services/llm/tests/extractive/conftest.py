"""One answerer for all tests of this folder: it has no state but its cache."""

import pytest

from viva_llm.extractive import Answerer


@pytest.fixture(scope="session")
def answerer() -> Answerer:
    """Loads its dictionaries once."""
    return Answerer()
