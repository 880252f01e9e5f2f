"""What the definitions of operators' objects say of their `spec`, for the fields that the chart may use; all closed.

Written after Gateway API 1.x (standard channel), KEDA 2.x and the Prometheus operator's v1. A field that is missing
here is added once its name and type have been looked up in the project's own definition.
"""

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}
_FLAG = {"type": "boolean"}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_PROMETHEUS_TIME = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"}
_GATEWAY_TIME = {"type": "string", "pattern": "^([0-9]{1,5}(h|m|s|ms)){1,4}$"}


def _object(*required: str, **fields: dict) -> dict:
    return {"type": "object", "additionalProperties": False, "required": list(required), "properties": fields}


def _list(of: dict, most: int = 10_000) -> dict:
    return {"type": "array", "items": of, "minItems": 1, "maxItems": most}


def _one_of(*values: object) -> dict:
    return {"enum": list(values)}


_HEADER = _object(
    "name",
    "value",
    name={"type": "string", "pattern": "^[A-Za-z0-9!#$%&'*+\\-.^_|~]+$"},
    value={"type": "string", "minLength": 1},
)
_HEADERS = _object(set=_list(_HEADER, 16), add=_list(_HEADER, 16), remove=_list(_TEXT, 16))
_FILTER = _object(
    "type",
    type=_one_of("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect"),
    requestHeaderModifier=_HEADERS,
    responseHeaderModifier=_HEADERS,
    requestRedirect=_object(
        scheme=_one_of("http", "https"), hostname=_TEXT, port=_NUMBER, statusCode=_one_of(301, 302)
    ),
)
_PATH = _object(type=_one_of("Exact", "PathPrefix", "RegularExpression"), value={"type": "string", "pattern": "^/"})
_HTTP_RULE = _object(
    name=_TEXT,
    matches=_list(_object(path=_PATH, method=_TEXT), 64),
    filters=_list(_FILTER, 16),
    backendRefs=_list(_object("name", "port", name=_TEXT, port=_NUMBER, weight=_NUMBER, kind=_TEXT, group=_TEXT), 16),
    timeouts=_object(request=_GATEWAY_TIME, backendRequest=_GATEWAY_TIME),
)
_LISTENER = _object(
    "name",
    "port",
    "protocol",
    name=_TEXT,
    hostname=_TEXT,
    port=_NUMBER,
    protocol=_one_of("HTTP", "HTTPS", "TLS", "TCP"),
    tls=_object(
        mode=_one_of("Terminate", "Passthrough"),
        certificateRefs=_list(_object("name", name=_TEXT, kind=_TEXT, group=_TEXT, namespace=_TEXT), 64),
        options=_TEXTS,
    ),
    allowedRoutes=_object(
        namespaces=_object(**{"from": _one_of("All", "Same", "Selector")}, selector={"type": "object"})
    ),
)
_PARENT = _object("name", group=_TEXT, kind=_TEXT, name=_TEXT, namespace=_TEXT, sectionName=_TEXT, port=_NUMBER)

_SCALING = _object(
    stabilizationWindowSeconds={"type": "integer", "minimum": 0, "maximum": 3600},
    selectPolicy=_one_of("Max", "Min", "Disabled"),
    policies=_list(
        _object(
            "type",
            "value",
            "periodSeconds",
            type=_one_of("Pods", "Percent"),
            value={"type": "integer", "minimum": 1},
            periodSeconds={"type": "integer", "minimum": 1, "maximum": 1800},
        )
    ),
)
_TRIGGER = _object(
    "type",
    "metadata",
    type=_TEXT,
    name=_TEXT,
    metadata=_TEXTS,  # texts only: a bare number is refused
    metricType=_one_of("AverageValue", "Value", "Utilization"),
    useCachedMetrics=_FLAG,
    authenticationRef=_object(
        "name", name=_TEXT, kind=_one_of("TriggerAuthentication", "ClusterTriggerAuthentication")
    ),
)
_SCALED_OBJECT = _object(
    "scaleTargetRef",
    "triggers",
    scaleTargetRef=_object("name", apiVersion=_TEXT, kind=_TEXT, name=_TEXT, envSourceContainerName=_TEXT),
    pollingInterval=_NUMBER,
    cooldownPeriod=_NUMBER,
    initialCooldownPeriod=_NUMBER,
    idleReplicaCount=_NUMBER,
    minReplicaCount=_NUMBER,
    maxReplicaCount=_NUMBER,
    fallback=_object(
        "failureThreshold",
        "replicas",
        failureThreshold=_NUMBER,
        replicas=_NUMBER,
        behavior=_one_of("static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"),
    ),
    advanced=_object(
        restoreToOriginalReplicaCount=_FLAG,
        horizontalPodAutoscalerConfig=_object(name=_TEXT, behavior=_object(scaleUp=_SCALING, scaleDown=_SCALING)),
    ),
    triggers=_list(_TRIGGER),
)

_RULE_PARTS = {"expr": _TEXT, "labels": _TEXTS}
_RULE = {
    "oneOf": [
        _object("record", "expr", record=_TEXT, **_RULE_PARTS),
        _object(
            "alert",
            "expr",
            alert=_TEXT,
            annotations=_TEXTS,
            keep_firing_for=_PROMETHEUS_TIME,
            **{"for": _PROMETHEUS_TIME},
            **_RULE_PARTS,
        ),
    ]
}
_RELABELLING = _object(
    action=_one_of("replace", "keep", "drop", "labelmap", "labeldrop", "labelkeep"),
    sourceLabels=_list(_TEXT),
    targetLabel=_TEXT,
    regex=_TEXT,
    replacement=_TEXT,
    separator=_TEXT,
)
_ENDPOINT = _object(
    "port",
    port=_TEXT,
    path=_TEXT,
    interval=_PROMETHEUS_TIME,
    scrapeTimeout=_PROMETHEUS_TIME,
    scheme=_one_of("http", "https"),
    honorLabels=_FLAG,
    relabelings=_list(_RELABELLING),
    metricRelabelings=_list(_RELABELLING),
)
_SERVICE_MONITOR = _object(
    "endpoints",
    "selector",
    endpoints=_list(_ENDPOINT),
    selector=_object(matchLabels=_TEXTS, matchExpressions=_list({"type": "object"})),
    namespaceSelector=_object(any=_FLAG, matchNames=_list(_TEXT)),
    jobLabel=_TEXT,
    targetLabels=_list(_TEXT),
    podTargetLabels=_list(_TEXT),
)

SPECS = {
    "gateway.networking.k8s.io/v1": {
        "Gateway": _object("gatewayClassName", "listeners", gatewayClassName=_TEXT, listeners=_list(_LISTENER, 64)),
        "HTTPRoute": _object(
            "parentRefs",
            "rules",
            parentRefs=_list(_PARENT, 32),
            hostnames=_list(_TEXT, 16),
            rules=_list(_HTTP_RULE, 16),
        ),
    },
    "keda.sh/v1alpha1": {"ScaledObject": _SCALED_OBJECT},
    "monitoring.coreos.com/v1": {
        "PrometheusRule": _object(
            "groups",
            groups=_list(_object("name", name=_TEXT, interval=_PROMETHEUS_TIME, labels=_TEXTS, rules=_list(_RULE))),
        ),
        "ServiceMonitor": _SERVICE_MONITOR,
    },
}
"""By API version and kind: the JSON schema of `spec`."""
