"""The few kinds of panels and queries that the dashboards are made of."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
CHOSEN = 'namespace="$namespace",release=~"$release"'
"""What every selector has: the figures of one release."""
GREEN, ORANGE, RED = "green", "orange", "red"


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and the name of what it gives; {{label}} stands for a label's value."""

    expression: str
    legend: str = ""


def rate(metric: str, by: str = "", where: str = "") -> str:
    """Events per second, added up."""
    return f"sum{_by(by)} (rate({metric}{{{_chosen(where)}}}[$__rate_interval]))"


def quantile(share: float, histogram: str, by: str = "", where: str = "") -> str:
    """A quantile of a histogram of seconds."""
    labels = f"{by}, le" if by else "le"
    bucket = f"{histogram}_bucket{{{_chosen(where)}}}"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({bucket}[$__rate_interval])))"


def gauge(metric: str, by: str = "", where: str = "", how: str = "sum") -> str:
    """The present value, over all pods."""
    return f"{how}{_by(by)} ({metric}{{{_chosen(where)}}})"


def ratio(part: str, whole: str) -> str:
    """A share; nothing while nothing happens."""
    return f"{part} / ({whole} > 0)"


def or_none(events: str) -> str:
    """0 where there has never been such an event, and so no series of it."""
    return f"({events} or vector(0))"


def gpu(metric: str) -> str:
    """A metric of DCGM's exporter about the GPUs that this namespace's pods have, whoever's labels were kept."""
    kept = f'{metric}{{namespace="$namespace",exported_namespace=""}}'
    return f'max by (Hostname, gpu) ({metric}{{exported_namespace="$namespace"}} or {kept})'


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""


def _chosen(where: str) -> str:
    return f"{CHOSEN},{where}" if where else CHOSEN


def p50_p95_p99(histogram: str, where: str = "") -> list[Query]:
    """The three quantiles that are looked at."""
    return [Query(quantile(share, histogram, where=where), f"p{100 * share:g}") for share in (0.5, 0.95, 0.99)]


def lines(
    title: str,
    unit: str,
    *queries: Query,
    about: str,
    runbook: str = "",
    limit: float | None = None,
    most: float | None = None,
    stacked: bool = False,
    width: int = 8,
) -> timeseries.Panel:
    """Lines over time. `limit` draws a line above which it is bad; `most` is the top of the axis."""
    panel = timeseries.Panel().title(title).description(about).unit(unit).min(0).span(width).height(8)
    panel = panel.datasource(SOURCE).line_width(2).fill_opacity(40 if stacked else 8)
    panel = panel.show_points(common_model.VisibilityMode.NEVER).span_nulls(60_000)
    panel = panel.legend(_legend()).tooltip(_tooltip())
    if most is not None:
        panel = panel.max(most)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL))
    if limit is not None:
        style = common.GraphThresholdsStyleConfig().mode(common_model.GraphTresholdsStyleMode.DASHED)
        panel = panel.thresholds(_thresholds((None, "transparent"), (limit, RED))).thresholds_style(style)
    for letter, query in zip("ABCDEFGH", queries, strict=False):
        panel = panel.with_target(_target(letter, query))
    return panel.links([_runbook(runbook)]) if runbook else panel


def figure(
    title: str,
    unit: str,
    query: Query,
    *,
    about: str,
    warn: float | None = None,
    bad: float | None = None,
    runbook: str = "",
    width: int = 4,
) -> stat.Panel:
    """One large number, coloured by its thresholds; `bad` below `warn` means that less is worse."""
    panel = stat.Panel().title(title).description(about).unit(unit).span(width).height(5).datasource(SOURCE)
    panel = panel.graph_mode(common_model.BigValueGraphMode.AREA).with_target(_target("A", query))
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    if warn is not None and bad is not None:
        falling = bad < warn
        steps = [(None, RED), (bad, ORANGE), (warn, GREEN)] if falling else [(None, GREEN), (warn, ORANGE), (bad, RED)]
        panel = panel.thresholds(_thresholds(*steps))
    else:
        panel = panel.thresholds(_thresholds((None, "blue")))
    return panel.links([_runbook(runbook)]) if runbook else panel


def _target(letter: str, query: Query) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(letter).expr(query.expression).range().datasource(SOURCE)
    if query.legend:
        target = target.legend_format(query.legend)
    # A histogram's samples carry the trace of a turn that was as slow as that.
    return target.exemplar(True) if "_bucket{" in query.expression else target


def _thresholds(*steps: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    built = [model.Threshold(value, colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(built)


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(common_model.LegendDisplayMode.LIST).show_legend(True)
    return legend.placement(common_model.LegendPlacement.BOTTOM).calcs([])


def _tooltip() -> common.VizTooltipOptions:
    tooltip = common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI)
    return tooltip.sort(common_model.SortOrder.DESCENDING)


def _runbook(alert: str) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(f"Runbook: {alert}").type(model.DashboardLinkType.LINK)
    return link.url(f"${{runbooks}}/{alert}.md").target_blank(True)
