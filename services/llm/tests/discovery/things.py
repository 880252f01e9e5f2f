"""EndpointSlices and pods as a Kubernetes API gives them, with the parts that nobody here reads left out."""


def endpoint(address: str, **conditions: bool) -> dict:
    """One endpoint; conditions that are not given are left out, as they may be."""
    return {"addresses": [address], "conditions": conditions, "nodeName": "gpu-1", "zone": "eu-west-1a"}


def endpoint_slice(*endpoints: dict | str, service: str = "vllm", family: str = "IPv4", **ports: int) -> dict:
    """A slice of a Service; a plain address stands for an endpoint that is ready."""
    ready = {"ready": True, "serving": True, "terminating": False}
    return {
        "metadata": {"labels": {"kubernetes.io/service-name": service, "app.kubernetes.io/part-of": "viva"}},
        "addressType": family,
        "endpoints": [endpoint(each, **ready) if isinstance(each, str) else each for each in endpoints] or None,
        "ports": [{"name": name, "port": port, "protocol": "TCP"} for name, port in (ports or {"http": 8000}).items()],
    }


def pod(address: str, *, ready: bool = True, phase: str = "Running", ends: bool = False, port: str = "http") -> dict:
    """A pod of vLLM."""
    ending = {"deletionTimestamp": "2026-11-20T12:00:00Z"} if ends else {}
    return {
        "metadata": {"labels": {"app": "vllm"}, **ending},
        "spec": {"containers": [{"name": "proxy"}, {"name": "vllm", "ports": [{"name": port, "containerPort": 8000}]}]},
        "status": {
            "phase": phase,
            "podIP": address,
            "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": str(ready)}],
        },
    }


def url(address: str) -> str:
    """The base URL that an address becomes."""
    return f"http://{address}:8000/v1"
