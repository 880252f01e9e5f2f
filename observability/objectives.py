"""The service level objectives, in one place: rules, dashboards and a table in docs/runbooks are written from them."""

from dataclasses import dataclass

WINDOW_DAYS = 30
FEWEST_EVENTS = 20
"""In the longer window of an alert: one failure at night is no trend."""
SCOPE = "namespace, release"

# Not the service's doing: the caller left, said nothing, sent no sound, or asked about what is not there. One by one: a
# pattern such as `lecture_.*` takes in lecture_failed, which is ours.
CALLERS_OWN = (
    "cancelled",
    "no_speech",
    "lecture_required",
    "not_found",
    "session_not_found",
    "item_deleted",
    "audio_empty",
    "audio_no_stream",
    "audio_too_long",
    "audio_truncated",
    "audio_undecodable",
    "too_large",
)
LET_IN = f'outcome!~"{"|".join(("shed", *CALLERS_OWN))}"'
"""Turns that the service owes an answer."""
FAILED = f'outcome!~"{"|".join(("done", "shed", *CALLERS_OWN))}"'


@dataclass(frozen=True, slots=True)
class Objective:
    """One promise: the share of events that are good, and how to count the bad ones."""

    name: str
    alert: str
    promise: str
    share: float
    bad: str
    """PromQL, per second; WINDOW stands for the range, and the result has SCOPE's labels."""
    total: str
    summary: str

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.share, 6)


@dataclass(frozen=True, slots=True)
class Burn:
    """When a budget goes too fast: `rate` times as fast as it may, over the long window and still over the short."""

    long: str
    short: str
    rate: float
    severity: str


BURNS = (
    Burn("1h", "5m", 14.4, "critical"),
    Burn("6h", "30m", 6, "critical"),
    Burn("1d", "2h", 3, "warning"),
    Burn("3d", "6h", 1, "warning"),
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def _turns(outcomes: str) -> str:
    return f"sum by ({SCOPE}) (rate(viva_turns_total{{{outcomes}}}[WINDOW]))"


_FIRST_AUDIO = f"sum by ({SCOPE}) (rate(viva_first_audio_seconds_%s[WINDOW]))"
_IN_TIME = f'sum by ({SCOPE}) (rate(viva_first_audio_seconds_bucket{{le="2.0"}}[WINDOW]))'

OBJECTIVES = (
    Objective(
        name="first_audio",
        alert="VivaFirstAudioSlow",
        promise="of the answers that are heard begin within 2 seconds after the question",
        share=0.95,
        bad=f"{_FIRST_AUDIO % 'count'} - {_IN_TIME}",
        total=_FIRST_AUDIO % "count",
        summary="{{ $value | humanizePercentage }} of the answers began more than 2 seconds after their question.",
    ),
    Objective(
        name="turns",
        alert="VivaTurnsFail",
        promise="of the turns that are let in end without an error of the service",
        share=0.995,
        bad=_turns(FAILED),
        total=_turns(LET_IN),
        summary="{{ $value | humanizePercentage }} of the turns ended in an error.",
    ),
    Objective(
        name="admission",
        alert="VivaTurnsShed",
        promise="of the turns that are asked for are let in",
        share=0.99,
        bad=_turns('outcome="shed"'),
        total=_turns('outcome!="cancelled"'),
        summary="{{ $value | humanizePercentage }} of the turns were refused, as too many were under way.",
    ),
)
