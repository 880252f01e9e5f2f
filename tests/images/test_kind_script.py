"""scripts/kind: a cluster, the images in it, the chart installed, a question asked, in this order."""

import pytest

NAMES = " ".join(f"localhost/viva-{service}:0.1.0" for service in ("orchestrator", "asr", "llm", "tts"))
HELM = "helm --kube-context kind-viva --namespace viva"
INSTALL = (
    f"{HELM} upgrade --install viva charts/viva --create-namespace --values k8s/values-kind.yaml "
    "--set-string image.tag=0.1.0 --wait --timeout 10m"
)
CREATE = "kind create cluster --name viva --config k8s/kind.yaml --wait 180s"
FORWARD = "kubectl --context kind-viva --namespace viva port-forward service/viva-orchestrator 8080:8080"


@pytest.fixture(autouse=True)
def tag_of_these_tests(version):
    """The command lines above are written out, so that they can be read."""
    assert NAMES.endswith(f":{version}")


def steps(calls: list[str]) -> list[str]:
    """The calls that change something."""
    looking = ("info", "--version", "get clusters", "status viva", " images ")
    return [call for call in calls if not any(word in call for word in looking)]


def test_from_nothing_to_an_answered_question(programs):
    """Where there is no cluster it is made; images are built and loaded before the chart is installed and asked."""
    programs.add("kind", "kubectl", "docker")
    programs.add("helm", **{"--kube-context kind-viva --namespace viva status": 1})
    ran = programs.run("kind")
    assert ran.status == 0, ran.said
    made = [call for call in steps(ran.calls) if " build " not in call]
    assert made == [
        CREATE,
        f"kind load docker-image --name viva {NAMES}",
        INSTALL,
        f"{HELM} test viva --logs --timeout 5m",
    ]
    builds = [number for number, call in enumerate(ran.calls) if call.startswith("docker build ")]
    assert len(builds) == 4
    assert ran.calls.index(CREATE) < builds[0]
    assert builds[-1] < ran.calls.index(made[1])
    assert FORWARD in ran.said


def test_a_second_run_keeps_the_cluster_and_brings_in_the_new_images(programs):
    """They have the old names, so that pods are not replaced unless told to."""
    programs.add("kind", "kubectl", "docker", "helm")
    programs.answers("kind", "get clusters", "viva")
    ran = programs.run("kind")
    assert ran.status == 0, ran.said
    assert not any("create cluster" in call for call in ran.calls)
    kubectl = "kubectl --context kind-viva --namespace viva rollout"
    ours = "deployment --selector app.kubernetes.io/instance=viva"
    after = ran.calls[ran.calls.index(INSTALL) + 1 :]
    assert after == [
        f"{kubectl} restart {ours}",
        f"{kubectl} status {ours} --timeout 10m",
        f"{HELM} test viva --logs --timeout 5m",
    ]


def test_a_cluster_of_another_name_is_not_taken_for_ours(programs):
    """`viva-two` is there, `viva` is not."""
    programs.add("kind", "kubectl", "docker", "helm")
    programs.answers("kind", "get clusters", "viva-two")
    assert CREATE in programs.run("kind").calls


def test_podmans_images_come_in_an_archive(programs):
    """kind looks for names in Docker only; it is told to run its nodes with podman too."""
    programs.add("kind", "kubectl", "podman", "helm")
    ran = programs.run("kind")
    assert ran.status == 0, ran.said
    (save,) = [call for call in ran.calls if " save " in call]
    (load,) = [call for call in ran.calls if " load " in call]
    archive = save.split()[save.split().index("--output") + 1]
    assert save.endswith(NAMES)
    assert load == f"provider=podman kind load image-archive --name viva {archive}"
    assert f"provider=podman {CREATE}" in ran.calls


def test_what_is_chosen_is_passed_on(programs):
    """Another cluster, node image, tag and more values."""
    programs.add("kind", "kubectl", "docker", "helm")
    ran = programs.run("kind", CLUSTER="two", KIND_IMAGE="kindest/node:v1.36.4", TAG="try", VALUES="mine.yaml")
    assert any(call.startswith("kind create cluster --name two ") for call in ran.calls)
    assert any(call.endswith("--image kindest/node:v1.36.4") for call in ran.calls)
    (install,) = [call for call in ran.calls if " upgrade " in call]
    assert install.startswith("helm --kube-context kind-two ")
    assert "--values k8s/values-kind.yaml --values mine.yaml --set-string image.tag=try" in install


@pytest.mark.parametrize("missing", ["kind", "helm", "kubectl"])
def test_it_says_which_tool_is_missing_and_where_to_find_it(programs, missing):
    """Before it does anything."""
    programs.add(*({"kind", "helm", "kubectl", "docker"} - {missing}))
    ran = programs.run("kind")
    assert ran.status == 1
    assert ran.said.startswith(f"{missing} is not installed, and make kind needs it: https://")
    assert ran.calls == []


def test_buildah_alone_cannot_run_a_cluster(programs):
    """It builds, but nodes are containers."""
    programs.add("kind", "helm", "kubectl", "buildah")
    ran = programs.run("kind")
    assert ran.status == 1
    assert ran.said == "kind runs its nodes with docker or podman, and only buildah was found.\n"


@pytest.mark.parametrize(
    ("program", "fails", "sentence", "not_reached"),
    [
        ("kind", "create", "kind could not make the cluster", "docker build"),
        ("docker", "build", "The image viva-orchestrator could not be built", "kind load"),
        ("kind", "load", "kind could not load the images.", "helm"),
        ("helm", "--kube-context kind-viva --namespace viva upgrade", "could not be installed", " test viva"),
        ("helm", "--kube-context kind-viva --namespace viva test", "The question was not answered", FORWARD),
        ("kubectl", "--context kind-viva --namespace viva rollout restart", "could not be restarted", " test viva"),
        ("kubectl", "--context kind-viva --namespace viva rollout status", "did not become ready", " test viva"),
    ],
)
def test_a_step_that_fails_ends_it_with_a_sentence(programs, program, fails, sentence, not_reached):
    """What comes after is not begun."""
    programs.add(*({"kind", "helm", "kubectl", "docker"} - {program}))
    programs.add(program, **{fails: 3})
    ran = programs.run("kind")
    assert ran.status == 1
    assert sentence in ran.said
    assert not any(not_reached in line for line in [*ran.calls, *ran.said.splitlines()])


def test_make_kind_does_all_of_it(programs):
    """With the engine that is named beside the target."""
    programs.add("kind", "helm", "kubectl", "podman")
    ran = programs.make("kind", "ENGINE=podman")
    assert ran.status == 0, ran.said
    assert ran.calls[-1].endswith(f"{HELM} test viva --logs --timeout 5m")


def test_it_removes_the_cluster(programs):
    """And nothing else."""
    programs.add("kind")
    ran = programs.run("kind", "delete")
    assert (ran.status, ran.calls) == (0, ["kind delete cluster --name viva"])


def test_an_argument_that_it_does_not_know_is_refused(programs):
    """Rather than making a cluster."""
    programs.add("kind", "helm", "kubectl", "docker")
    ran = programs.run("kind", "up")
    assert (ran.status, ran.calls) == (1, [])
    assert ran.said == "scripts/kind takes no argument, or 'delete'; not 'up'.\n"
