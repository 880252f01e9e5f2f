"""How many cores are counted."""

import os

import pytest

from viva.service import cores


@pytest.fixture
def eight_cores(monkeypatch):
    """A node of eight cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("200000 100000", 2), ("150000 100000", 2), ("5000 100000", 1), ("3200000 100000", 8), ("max 100000", 8), ("", 8)],
)
def test_a_containers_limit_counts(eight_cores, tmp_path, quota, expected):
    """Rounded up, never more than there are, and no limit is none."""
    (tmp_path / "cpu.max").write_text(quota)
    assert cores.usable_cores(tmp_path / "cpu.max") == expected


def test_without_a_container_the_cores_of_the_machine_count(eight_cores, tmp_path):
    """There is no such file then."""
    assert cores.usable_cores(tmp_path / "cpu.max") == 8
