"""What all dashboards share: their variables, their links to each other, and their JSON."""

import json
from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from observability.dashboards.panels import SOURCE

RUNBOOKS = "docs/runbooks"
"""Where the runbooks are; the chart puts the address of monitoring.runbooks in its place."""

Row = tuple[str, Sequence[object]]


def framed(uid: str, title: str, about: str, *rows: Row, choices_of: str = "viva_active_turns") -> str:
    """The JSON of a dashboard. `choices_of` is the metric whose labels fill the lists of namespaces and releases."""
    built = dashboard.Dashboard(title).uid(uid).description(about).tags(["viva"]).refresh("30s").time("now-1h", "now")
    built = built.tooltip(model.DashboardCursorSync.CROSSHAIR).editable()
    for variable in _variables(choices_of):
        built = built.with_variable(variable)
    built = built.link(
        dashboard.DashboardLink("Viva")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags(["viva"])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )
    for name, panels in rows:
        built = built.with_row(dashboard.Row(name))
        for panel in panels:
            built = built.with_panel(panel)
    return _numbered(json.loads(json.dumps(built.build(), cls=JSONEncoder)))


def _variables(choices_of: str) -> list[object]:
    source = dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    namespace = _choice("namespace", f"label_values({choices_of}, namespace)")
    of_namespace = f'label_values({choices_of}{{namespace="$namespace"}}, release)'
    release = _choice("release", of_namespace).include_all(True).all_value(".*")
    release = release.current(model.VariableOption(text="All", value="$__all"))
    runbooks = dashboard.TextBoxVariable("runbooks").default_value(RUNBOOKS).hide(model.VariableHide.HIDE_VARIABLE)
    return [source, namespace, release, runbooks]


def _choice(name: str, query: str) -> dashboard.QueryVariable:
    chosen = dashboard.QueryVariable(name).query(query).datasource(SOURCE)
    return chosen.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)


def _numbered(built: dict) -> str:
    """The same JSON at every run: panels are numbered in their order."""
    built["annotations"].setdefault("list", [])
    for number, panel in enumerate(built["panels"], start=1):
        panel["id"] = number
    return json.dumps(built, indent=2, ensure_ascii=False) + "\n"
