"""How many sessions are in use."""

from viva_orchestrator.activity import RECENT_S, Activity


def test_sessions_are_in_use_while_they_are_recent_or_connected():
    """A session counts once, until five minutes after its last turn, or as long as one of its connections is open."""
    now = 0.0
    activity = Activity(lambda: now)
    activity.turn("ses_1")
    activity.turn("ses_2")
    now = RECENT_S - 1
    activity.turn("ses_2")
    with activity.connected("ses_2"), activity.connected("ses_3"):
        with activity.connected("ses_3"):
            assert activity.sessions() == 3
        now = RECENT_S + 1
        assert activity.sessions() == 2
        now = 3 * RECENT_S
        assert activity.sessions() == 2
    assert activity.sessions() == 0
