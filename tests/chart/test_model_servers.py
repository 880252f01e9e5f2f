"""Model groups: what vLLM is told is what vLLM 0.32 knows, and GPUs, models and backends belong together."""

import json
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from viva_orchestrator.context.addresses import RecordingAddresses
from viva_orchestrator.objects import ObjectStore

from .chart import ROOT, render
from .combinations import ALL
from .manifests import Rendered
from .pods import GPU, Pod
from .variables import Surroundings, environment

VLLM = tomllib.loads((Path(__file__).parent / "recorded.toml").read_text())["vllm"]
NOT_ITS_OWN = {
    "AWS_EC2_METADATA_DISABLED": "boto3, under the streamer of weights",
    "AWS_ENDPOINT_URL": "boto3",
    "AWS_REGION": "boto3",
    "DO_NOT_TRACK": "its libraries' count of use",
    "FLASHINFER_WORKSPACE_BASE": "FlashInfer's compiled kernels",
    "HF_HOME": "huggingface_hub",
    "HF_HUB_OFFLINE": "huggingface_hub",
    "HOME": "everybody's caches",
    "LOGNAME": "PyTorch asks who it is",
    "NUMBA_CACHE_DIR": "Numba",
    "PROBE_MODEL": "the probes' script",
    "RUNAI_STREAMER_S3_ENDPOINT": "the streamer of weights",
    "RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING": "the streamer of weights",
    "TORCHINDUCTOR_CACHE_DIR": "PyTorch's compiled kernels",
    "TRANSFORMERS_OFFLINE": "transformers",
    "TRITON_CACHE_DIR": "Triton's compiled kernels",
    "USER": "PyTorch asks who it is",
    "XDG_CACHE_HOME": "everybody's caches",
    "XDG_CONFIG_HOME": "everybody's settings",
}
"""Variables that vLLM itself does not read, each with who does or what for."""
LECTURE = "lec_00000000000000000000000000000001"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def groups_of(rendered: Rendered) -> list[Pod]:
    return [pod for pod in rendered.pods if pod.component == "vllm"]


def flags_of(pod: Pod) -> dict[str, str]:
    """Flag and value of each --flag=value of the server's arguments."""
    words = [word for word in pod.main["args"] if word.startswith("--")]
    return {word[2:].partition("=")[0]: word.partition("=")[2] for word in words}


def test_there_are_groups_to_look_at():
    """Several combinations have model groups."""
    assert sum(bool(groups_of(render(values))) for values in ALL.values()) >= 8


def test_every_flag_is_one_that_the_server_has(rendered: Rendered):
    """Each once, and read from the sources of the version whose image the chart names."""
    for pod in groups_of(rendered):
        assert pod.main["image"] == f"vllm/vllm-openai:v{VLLM['version']}"
        assert pod.main["command"] == ["vllm", "serve"]
        assert set(flags_of(pod)) <= set(VLLM["flags"]), str(pod)
        assert len(flags_of(pod)) == sum(word.startswith("--") for word in pod.main["args"])


def test_every_variable_is_read_by_somebody(rendered: Rendered):
    """By vLLM, or by who is named above."""
    for pod in groups_of(rendered):
        for variable in pod.main["env"]:
            assert variable["name"] in {*VLLM["environment"], *NOT_ITS_OWN}, (str(pod), variable["name"])


def test_the_router_and_not_the_server_closes_an_idle_connection(rendered: Rendered):
    """Else the first question after a pause takes a connection that the server is closing."""
    source = (ROOT / "services/llm/viva_llm/engines/openai.py").read_text(encoding="utf-8")
    kept_s = float(re.search(r"keepalive_timeout=(\d+)", source)[1])
    for pod in groups_of(rendered):
        environ = environment(pod, pod.main, Surroundings(rendered, made_up=True))
        assert float(environ["VLLM_HTTP_TIMEOUT_KEEP_ALIVE"]) > kept_s


def test_nothing_is_fetched_at_run_time(rendered: Rendered):
    """The server sees no hub and counts for nobody; a model comes from its volume, or is streamed from a bucket."""
    for pod in groups_of(rendered):
        environ = environment(pod, pod.main, Surroundings(rendered, made_up=True))
        assert environ.items() >= OFFLINE.items()
        model = pod.main["args"][0]
        assert re.match(r"/models/|s3://", model), str(pod)
        assert "HF_TOKEN" not in environ
        if model.startswith("/models/"):
            (mount,) = [each for each in pod.main["volumeMounts"] if each["mountPath"] == "/models"]
            assert mount["readOnly"] is True


def test_a_claim_that_is_only_read_is_attached_for_reading():
    """A disk attached for writing goes to one node alone, and the second pod would wait for it for ever."""
    (pod,) = groups_of(render(ALL["models on a claim that is only read"]))
    assert pod.volumes["models"]["persistentVolumeClaim"] == {"claimName": "weights", "readOnly": True}


def test_a_download_is_of_a_commit(rendered: Rendered):
    """Whoever downloads is told the whole hash of a commit, or a name that viva/models.toml pins; the folder has it."""
    for pod in rendered.pods:
        for container in pod.all_containers:
            for variable in container.get("env") or []:
                if variable["name"] != "MODELS":
                    continue
                for model in json.loads(variable["value"]):
                    assert "named" in model or re.fullmatch(r"[0-9a-f]{40}", model["revision"]), str(pod)
                    assert "named" in model or model["folder"].endswith(model["revision"][:12])


def test_what_is_downloaded_is_what_is_served(rendered: Rendered):
    """The folder that the server reads is the folder that the download fills."""
    folders = {
        "/models/" + model["folder"]
        for pod in rendered.pods
        for container in pod.all_containers
        for variable in container.get("env") or []
        if variable["name"] == "MODELS"
        for model in json.loads(variable["value"])
        if "folder" in model
    }
    for pod in groups_of(rendered):
        model = pod.main["args"][0]
        only_read = not pod.spec.get("initContainers")
        assert model.startswith("s3://") or model in folders or only_read, str(pod)


def test_gpus_are_limits_and_requests_and_the_model_is_divided_over_them(rendered: Rendered):
    """An extended resource has equal limits and requests; several GPUs of one pod serve one model together."""
    for pod in groups_of(rendered):
        resources = pod.main["resources"]
        gpus = resources["limits"][GPU]
        assert resources["requests"][GPU] == gpus >= 1
        assert int(flags_of(pod).get("tensor-parallel-size", "1")) == gpus


def test_the_server_listens_where_its_probes_and_its_service_call(rendered: Rendered):
    """On all addresses, at the port of the container; drained as long as its values say."""
    for pod in groups_of(rendered):
        flags = flags_of(pod)
        assert flags["host"] in ("0.0.0.0", "::")
        assert int(flags["port"]) == pod.port_numbers["http"]
        assert int(flags["shutdown-timeout"]) > 0
        assert pod.main["startupProbe"]["httpGet"] == {"path": "/health", "port": "http"}


def test_readiness_and_life_generate_a_token(rendered: Rendered):
    """/health answers 200 with a dead engine: both probes run the script that generates one, mounted where they say;
    a server of embeddings, which cannot, embeds a word."""
    for pod in groups_of(rendered):
        script = "embed_text.py" if flags_of(pod).get("runner") == "pooling" else "generate_token.py"
        for name in ("liveness", "readiness"):
            command = pod.main[f"{name}Probe"]["exec"]["command"]
            assert command[:2] == ["python3", f"/scripts/{script}"]
            assert float(command[2]) < pod.main[f"{name}Probe"]["timeoutSeconds"]
        scripts = rendered.find("ConfigMap", pod.volumes["scripts"]["configMap"]["name"])
        assert {script, "generate_token.py"} <= set(scripts["data"])


@pytest.mark.parametrize("profile", ["qwen2.5-omni-3b", "llama-3.1-8b-instruct", "llama-3.1-8b-instruct-h100"])
def test_a_profile_needs_nothing_but_its_name(profile: str):
    """`--set vllm.groups.own.profile=NAME` is a whole group."""
    (pod,) = groups_of(render({"vllm": {"groups": {"own": {"profile": profile}}}}))
    flags = flags_of(pod)
    assert 8192 <= int(flags["max-model-len"]) <= 131072
    assert 0.5 < float(flags["gpu-memory-utilization"]) < 1
    if "limit-mm-per-prompt" in flags:
        assert json.loads(flags["limit-mm-per-prompt"])["audio"] >= 1


def test_a_group_of_embeddings_is_served_by_the_pooling_runner():
    """Its profile is a whole group as well; the other flags are those of any group."""
    embed, qwen, spare = groups_of(render(ALL["a group of embeddings"]))
    assert [flags_of(pod).get("runner") for pod in (embed, qwen, spare)] == ["pooling", None, "pooling"]
    assert "enable-prefix-caching" not in flags_of(embed)
    assert flags_of(embed)["served-model-name"] == "Qwen/Qwen3-Embedding-0.6B"
    assert flags_of(embed)["allowed-media-domains"] == "viva.invalid"


@pytest.mark.parametrize(
    ("combination", "made_from", "prefix", "host"),
    [
        (
            "recordings from the orchestrator",
            "http://viva-orchestrator:8080/v1/lectures/{lecture_id}/audio",
            "http://viva-orchestrator:8080/v1/lectures/",
            "viva-orchestrator",
        ),
        (
            "recordings from the bucket",
            "presigned",
            "https://s3.eu-west-1.amazonaws.com/lectures/viva/",
            "s3.eu-west-1.amazonaws.com",
        ),
        ("recordings from a bucket of one's own", "presigned", "http://minio:9000/lectures/", "minio"),
    ],
)
async def test_an_address_that_is_made_passes_all_three(combination, made_from, prefix, host, tmp_path, monkeypatch):
    """What the orchestrator makes the router lets through and vLLM may fetch; a group that does not hear fetches
    nothing."""
    rendered = render(ALL[combination])
    pods = {pod.component: pod for pod in rendered.pods}
    surroundings = Surroundings(rendered, made_up=True)
    ours = environment(pods["orchestrator"], pods["orchestrator"].main, surroundings)
    routers = environment(pods["llm"], pods["llm"].main, surroundings)
    assert (ours["VIVA_CONTEXT_AUDIO_URL"], routers["VIVA_LLM_AUDIO_URL_PREFIXES"]) == (made_from, prefix)
    for pod in groups_of(rendered):
        hears = pod.labels["viva.dev/model-group"] == "qwen"
        assert flags_of(pod)["allowed-media-domains"] == (host if hears else "viva.invalid")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.setenv("AWS_REGION", ours.get("AWS_REGION", "us-east-1"))
    where = ours["VIVA_OBJECT_STORE_URL"] if made_from == "presigned" else str(tmp_path)
    objects = ObjectStore.open(where, s3_endpoint=ours.get("VIVA_S3_ENDPOINT"))
    url = await RecordingAddresses(ours["VIVA_CONTEXT_AUDIO_URL"], objects).of(LECTURE)
    assert url.startswith(prefix)
    assert urlsplit(url).hostname == host
