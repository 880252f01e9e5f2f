"""Recording rules and burn-rate alerts of the objectives, as a file of Prometheus rules."""

from observability.objectives import BURNS, FEWEST_EVENTS, OBJECTIVES, WINDOW_DAYS, WINDOWS, Burn, Objective

_HEADER = "# Written by scripts/observability from observability/objectives.py.\ngroups:\n"


def rules_file() -> str:
    """The text of charts/viva/files/slo.yaml."""
    return _HEADER + "".join(_recordings(objective) + _alerts(objective) for objective in OBJECTIVES)


def _recordings(objective: Objective) -> str:
    """What the budgets are measured with: the share of bad events, and how many there were, in every window.

    The alerts follow in the same group: Prometheus evaluates a group in its order, and groups in any.
    """
    text = f"  - name: viva-slo-{objective.name.replace('_', '-')}\n    rules:\n"
    for window in WINDOWS:
        bad, total = (part.replace("WINDOW", window) for part in (objective.bad, objective.total))
        # Without a single bad event there may be no series of them at all.
        text += _rule(f"record: viva:slo_bad:ratio_{window}", f"({bad}\nor 0 * {total})\n/ ({total} > 0)", objective)
        text += _rule(f"record: viva:slo_events:increase_{window}", f"{total} * {_seconds(window)}", objective)
    return text


def _rule(head: str, expression: str, objective: Objective) -> str:
    return f"      - {head}\n        expr: |-\n{_indented(expression)}        labels: {{slo: {objective.name}}}\n"


def _alerts(objective: Objective) -> str:
    text = ""
    for severity in ("critical", "warning"):
        burns = [burn for burn in BURNS if burn.severity == severity]
        expression = "\nor\n".join(_too_fast(objective, burn) for burn in burns)
        text += (
            f"      - alert: {objective.alert}\n        expr: |-\n{_indented(expression)}"
            f"        labels: {{severity: {severity}, slo: {objective.name}}}\n        annotations:\n"
            f'          summary: "{objective.summary}"\n'
            f"          runbook_url: docs/runbooks/{objective.alert}.md\n"
        )
    return text


def _too_fast(objective: Objective, burn: Burn) -> str:
    chosen = f'{{slo="{objective.name}"}}'
    limit = f"{burn.rate:g} * {objective.budget:g}"
    return (
        f"(viva:slo_bad:ratio_{burn.long}{chosen} > {limit}\n"
        f" and viva:slo_bad:ratio_{burn.short}{chosen} > {limit}\n"
        f" and viva:slo_events:increase_{burn.long}{chosen} >= {FEWEST_EVENTS})"
    )


def _seconds(window: str) -> int:
    return int(window[:-1]) * {"m": 60, "h": 3600, "d": 86400}[window[-1]]


def _indented(expression: str) -> str:
    return "".join(f"          {line}\n" for line in expression.splitlines())


def objectives_table() -> str:
    """The table of docs/runbooks/README.md."""
    lines = [f"| Objective | Promise, over {WINDOW_DAYS} days | Alert |", "|---|---|---|"]
    for each in OBJECTIVES:
        runbook = f"[{each.alert}]({each.alert}.md)"
        lines.append(f"| `{each.name}` | {100 * each.share:g}% {each.promise} | {runbook} |")
    return "\n".join(lines) + "\n"
