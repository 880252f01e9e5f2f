"""scripts/images: which engine it takes, what it builds and pushes, and what it says when that cannot be."""

import pytest

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team"
SERVICES = ("orchestrator", "asr", "llm", "tts")


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_it_builds_every_image_with_the_engine_that_is_there(programs, version, engine):
    """From the root, each with its Dockerfile, one name for all engines, and the version as its tag and label."""
    programs.add(engine)
    ran = programs.run("images")
    assert ran.status == 0, ran.said
    assert [call for call in ran.calls if " build " in call] == [
        f"{engine} build --file services/{service}/Dockerfile --tag localhost/viva-{service}:{version} "
        f"--build-arg VERSION={version} ."
        for service in SERVICES
    ]


def test_an_engine_whose_server_is_not_running_is_passed_over(programs):
    """Docker's client is often there without its server."""
    programs.add("docker", info=1)
    programs.add("buildah")
    assert programs.run("images", "engine").printed == "buildah\n"


def test_the_engine_can_be_chosen(programs):
    """ENGINE decides, whatever else is there."""
    programs.add("docker", "podman")
    assert programs.run("images", "engine", ENGINE="podman").printed == "podman\n"


def test_it_says_what_to_install(programs):
    """Without any engine, and without the one that was asked for."""
    ran = programs.run("images")
    assert (ran.status, ran.said) == (
        1,
        "Building images takes one of these, and none is installed: docker podman buildah.\n",
    )
    ran = programs.run("images", ENGINE="podman")
    assert (ran.status, ran.said) == (
        1,
        "podman is not installed. Viva's images are built with one of: docker podman buildah.\n",
    )


def test_it_says_that_the_engine_does_not_answer(programs):
    """Not the engine's own page of text about a socket."""
    programs.add("docker", info=1)
    ran = programs.run("images")
    assert (ran.status, ran.said) == (
        1,
        "docker is installed but does not answer: is its server running, and may you use it?\n",
    )


def test_only_the_images_that_are_named_are_built(programs):
    """With the tag, the platform and the build arguments that are asked for."""
    programs.add("podman")
    ran = programs.run("images", "build", "tts", TAG="try", PLATFORM="linux/arm64", BUILD_ARGS="A=b C=d")
    (build,) = [call for call in ran.calls if " build " in call]
    assert "--tag localhost/viva-tts:try " in build
    assert build.endswith("--platform linux/arm64 --build-arg A=b --build-arg C=d .")


def test_that_of_the_simulated_callers_is_built_when_it_is_named(programs, version):
    """Nobody needs it to run Viva."""
    programs.add("podman")
    ran = programs.run("images", "build", "loadtest")
    (build,) = [call for call in ran.calls if " build " in call]
    assert f"--file loadtest/Dockerfile --tag localhost/viva-loadtest:{version} " in build


def test_an_image_with_piper_says_its_licence(programs):
    """Whoever passes it on has to know."""
    programs.add("docker")
    ran = programs.run("images", "build", "tts", BUILD_ARGS="ENGINES=gtts,piper")
    (build,) = [call for call in ran.calls if " build " in call]
    assert "--build-arg ENGINES=gtts,piper --build-arg LICENSES=Apache-2.0 AND GPL-3.0-or-later " in build


def test_a_build_that_fails_stops_there(programs):
    """The images after it are not begun, and the exit status says so."""
    programs.add("docker", build=7)
    ran = programs.run("images")
    assert ran.status == 1
    assert ran.said.endswith("The image viva-orchestrator could not be built; the lines above say why.\n")
    assert len([call for call in ran.calls if " build " in call]) == 1


def test_an_image_that_there_is_not_is_refused(programs):
    """Before anything is built."""
    programs.add("docker")
    ran = programs.run("images", "build", "asr", "redis")
    said = "There is no image of 'redis'. There are: orchestrator asr llm tts loadtest.\n"
    assert (ran.status, ran.said) == (1, said)
    assert ran.calls == []


def test_a_push_names_the_images_after_the_registry(programs, version):
    """Each is tagged and then pushed, and the values that install them are printed."""
    programs.add("docker")
    ran = programs.run("images", "push", f"{ECR}/")
    assert ran.status == 0, ran.said
    expected = []
    for service in SERVICES:
        name = f"{ECR}/viva-{service}:{version}"
        expected += [f"docker tag localhost/viva-{service}:{version} {name}", f"docker push {name}"]
    assert ran.calls == ["docker info", *expected]
    assert f"--set image.registry={ECR} --set image.tag={version}" in ran.said


def test_a_push_to_nowhere_is_refused(programs):
    """`make push` without REGISTRY."""
    programs.add("docker")
    ran = programs.run("images", "push", "")
    assert ran.status == 1
    assert ran.said.startswith("Say where to push to: make push REGISTRY=")
    assert ran.calls == []


def test_a_push_of_what_was_not_built_says_so(programs, version):
    """Rather than the engine's words about a reference."""
    programs.add("docker", tag=1)
    ran = programs.run("images", "push", ECR)
    assert ran.status == 1
    assert ran.said == f"There is no image viva-orchestrator:{version} to push. Build it first: make images\n"


def test_a_refused_push_to_amazon_tells_how_to_log_in(programs):
    """With the region, the host alone, and the repository that each image needs."""
    programs.add("podman", push=1)
    ran = programs.run("images", "push", ECR)
    assert ran.status == 1
    host = ECR.partition("/")[0]
    log_in = f"podman login --username AWS --password-stdin {host}\n"
    assert f"aws ecr get-login-password --region eu-west-1 | {log_in}" in ran.said
    assert "aws ecr create-repository --region eu-west-1 --repository-name team/viva-orchestrator\n" in ran.said


def test_a_refused_push_elsewhere_tells_to_log_in_there(programs):
    """No word of Amazon."""
    programs.add("podman", push=1)
    ran = programs.run("images", "push", "registry.example.com:5000")
    assert "Log in:  podman login registry.example.com:5000\n" in ran.said
    assert "aws" not in ran.said


def test_make_builds_and_pushes_with_what_is_set_beside_the_target(programs):
    """The variables that `make help` names reach the script."""
    programs.add("docker", "podman")
    ran = programs.make("images", "ENGINE=podman", "TAG=try", "PLATFORM=linux/arm64")
    builds = [call for call in ran.calls if call.startswith("podman build ")]
    assert len(builds) == 4
    assert all(":try " in call and "--platform linux/arm64" in call for call in builds)
    ran = programs.make("push", "REGISTRY=registry.example.com", "TAG=try")
    assert "docker push registry.example.com/viva-tts:try" in ran.calls


def test_make_push_without_a_registry_says_what_to_type(programs):
    """In one sentence, and nothing is pushed."""
    programs.add("docker")
    ran = programs.make("push")
    assert ran.status != 0
    assert ran.said.startswith("Say where to push to: make push REGISTRY=")
    assert ran.calls == []


def test_a_word_that_it_does_not_know_is_refused(programs):
    """With those it knows."""
    ran = programs.run("images", "bulid")
    assert (ran.status, ran.said) == (1, "scripts/images knows build, push, names and engine, not 'bulid'.\n")
