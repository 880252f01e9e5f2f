"""What a measurement ran on: as in load tests."""

from loadtest.machine import Machine, this_machine

__all__ = ["Machine", "this_machine"]
