"""The ready scrape config finds the pods with metrics and nobody else, and gives them the labels that rules look at."""

import yaml

from .chart import NAMESPACE, RELEASE, render
from .combinations import ALL
from .manifests import Rendered
from .pods import Pod
from .relabelling import labels_of_pod, relabel

WITH_METRICS = {"orchestrator": 8080, "asr": 8081, "llm": 8082, "tts": 8083, "vllm": 8000}


def scrape_config(rendered: Rendered) -> dict:
    """The job in the ConfigMap."""
    (config,) = [each for each in rendered.kind("ConfigMap") if each["metadata"]["name"].endswith("scrape-config")]
    (job,) = yaml.safe_load(config["data"]["scrape-config.yaml"])
    return job


def target(job: dict, pod: Pod, **changed: str) -> dict[str, str] | None:
    """What the job makes of a pod."""
    described = {"labels": {**pod.labels, **changed}, "annotations": pod.annotations}
    port = next(iter(pod.port_numbers.values()), 80)
    discovered = labels_of_pod(NAMESPACE, f"{pod.owner['metadata']['name']}-0", "10.244.1.9", port, described)
    return relabel(discovered, job["relabel_configs"])


def test_pods_with_metrics_are_found_at_their_port():
    """Each service and each model server, with the namespace, pod and component that rules and scalers name."""
    rendered = render(ALL["one model group"])
    job = scrape_config(rendered)
    for pod in rendered.pods:
        found = target(job, pod)
        if pod.component not in WITH_METRICS:
            assert found is None, str(pod)
            continue
        assert found is not None, str(pod)
        assert found["__address__"] == f"10.244.1.9:{WITH_METRICS[pod.component]}"
        assert found["__metrics_path__"] == "/metrics"
        assert (found["namespace"], found["component"]) == (NAMESPACE, pod.component)
        assert found["release"] == RELEASE
        assert found["pod"].startswith(pod.owner["metadata"]["name"])


def test_pods_of_others_are_not():
    """Those of another release in the namespace, and those that ask not to be scraped."""
    rendered = render()
    job = scrape_config(rendered)
    (pod,) = [pod for pod in rendered.pods if pod.component == "asr"]
    assert target(job, pod, **{"app.kubernetes.io/instance": "another"}) is None
    assert job["kubernetes_sd_configs"] == [{"role": "pod", "namespaces": {"names": [NAMESPACE]}}]


def test_two_installs_have_two_jobs():
    """Prometheus refuses two jobs of one name."""
    names = {scrape_config(render(release=release))["job_name"] for release in ("viva", "second")}
    assert len(names) == 2


def test_the_operator_finds_the_same_services():
    """A ServiceMonitor's port is one that all services with metrics have, and that Redis has not."""
    rendered = render(ALL["Prometheus operator"])
    (monitor,) = rendered.kind("ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    having = {
        service["metadata"]["labels"]["app.kubernetes.io/component"]
        for service in rendered.kind("Service")
        if endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    }
    assert having == set(WITH_METRICS)
    assert endpoint["path"] == "/metrics"
    assert {each["targetLabel"] for each in endpoint["relabelings"]} == {"component", "release"}
