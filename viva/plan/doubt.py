"""What makes a report unfit to buy machines by, though a plan can be made of it."""

from viva.plan.figures import STAGES, Figures

MEASURE = "make loadtest SCENARIO=embedded"
"""The command that measures real engines on this machine; the same as `python -m loadtest embedded`."""

REPORT = ".viva/loadtest/embedded/report.json"
"""Where that command leaves its report."""


def doubts(figures: Figures) -> list[str]:
    """A warning for each thing that the figures lack or only seem to have; the last one says what to do."""
    found = [doubt for doubt in (_of_fakes(figures), _of_cpu(figures)) if doubt]
    if found:
        found[-1] += f" `{MEASURE}` measures real engines on this machine, and their CPU: give {REPORT} instead."
    return found


def word(figures: Figures, stage: str) -> str:
    """What the figures of a stage are, in a few words."""
    if is_fake(figures.engines.get(stage)):
        return "fake" if figures.knows_cpu(stage) else "fake, CPU unknown"
    return "measured" if figures.knows_cpu(stage) else "CPU unknown"


def is_fake(engine: str | None) -> bool:
    """Whether the name in a report, `engine:model` or one of them, is that of a fake."""
    return engine is not None and "fake" in engine.split(":")


def _of_fakes(figures: Figures) -> str | None:
    fakes = [f"{stage} ({figures.engines[stage]})" for stage in STAGES if is_fake(figures.engines.get(stage))]
    if not fakes:
        return None
    return (
        f"The report is of fake engines: {', '.join(fakes)}. They take the time that was set, and little CPU: "
        "this plan is of those latencies, not of speech or of a model."
    )


def _of_cpu(figures: Figures) -> str | None:
    unknown = [stage for stage in STAGES if not figures.knows_cpu(stage)]
    if not unknown:
        return None
    return (
        f"The report does not know the CPU of {', '.join(unknown)}, as after a run against a URL. It is taken for "
        "nothing: replicas, CPU nodes and their bill are too low here, and what breaks first does so sooner."
    )
