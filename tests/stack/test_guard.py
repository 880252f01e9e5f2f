"""What the guard remembers of the launcher's messages."""

from viva.stack.guard import watch_over


def test_groups_are_added_and_forgotten():
    """A number adds a group, the same with a minus forgets it, and noise is passed over."""
    assert watch_over(["12\n", "13\n", "-12\n", "\n", "x\n", "-99\n"]) == {13}
