"""What the service tells of itself."""

import asyncio

from .model_server import chat

PATH = "/v1/chat/completions"
SOON_S = 30


async def until(client, path: str, holds) -> dict:
    """The body of `path` as soon as `holds` is true of it."""
    async with asyncio.timeout(SOON_S):
        while not holds(body := (await client.get(path)).json()):  # noqa: ASYNC110 - HTTP tells no events
            await asyncio.sleep(0.01)
    return body


async def test_status_names_the_backend_in_use_and_why(serve, model_server):
    """With its server up, the first backend is in use; without it the next, and the reason is told."""
    client = await serve(backends=f"a=openai:{model_server.url}|m,fake", probe_interval_s=0.02)
    body = (await client.get("/status")).json()
    assert (body["engine"], body["model"], body["degraded"]) == ("a", "m", None)
    assert [backend["name"] for backend in body["backends"]] == ["a", "fake"]
    await model_server.stop()
    body = await until(client, "/status", lambda body: body["engine"] == "fake")
    assert body["degraded"] == "llm:fake"
    assert "a does not serve: no connection to it" in body["why"]
    await model_server.start()
    await until(client, "/status", lambda body: body["engine"] == "a")


async def test_ready_follows_the_backends(serve, model_server):
    """Ready means that some backend can serve; alive means only that the process answers."""
    client = await serve(backends=f"openai:{model_server.url}|m", probe_interval_s=0.02)
    assert (await client.get("/readyz")).status_code == 200
    await model_server.stop()
    body = await until(client, "/readyz", lambda body: body["status"] == "not_ready")
    assert "no connection" in body["reason"]
    assert (await client.get("/healthz")).status_code == 200
    await model_server.start()
    await until(client, "/readyz", lambda body: body["status"] == "ready")


async def test_fallback_keeps_it_ready(serve, model_server):
    """A dead model server leaves the service ready while something else can answer."""
    await model_server.stop()
    client = await serve(backends=f"openai:{model_server.url}|m,fake")
    assert (await client.get("/readyz")).status_code == 200
    await model_server.start()


async def test_model_is_learned_from_the_server(serve, model_server):
    """An entry without a model takes the first that its server lists, also when that comes up late."""
    model_server.models = ["served", "other"]
    await model_server.stop()
    client = await serve(backends=f"openai:{model_server.url}", probe_interval_s=60)
    await model_server.start()
    model_server.it_answers("ok")
    assert (await client.post(PATH, json=chat())).json()["model"] == "served"
    assert model_server.requests[0]["model"] == "served"
    assert (await client.get("/status")).json()["model"] == "served"


async def test_server_without_models_needs_one_named(serve, model_server):
    """Where no model can be learned, the answer fails and /status says what to set."""
    model_server.models = []
    client = await serve(backends=f"openai:{model_server.url}")
    assert (await client.post(PATH, json=chat())).status_code == 503
    assert "'|model'" in (await client.get("/status")).json()["backends"][0]["last_error"]


async def test_models_are_listed_and_found(serve):
    """The list has aliases, `viva` among them, models, and backends whose entry names no model."""
    client = await serve(backends="openai:http://127.0.0.1:9/v1|org/model,extractive")
    listed = [model["id"] for model in (await client.get("/v1/models")).json()["data"]]
    assert listed == ["viva", "default", "org/model", "extractive"]
    for name in listed:
        assert (await client.get(f"/v1/models/{name}")).json()["id"] == name
    assert (await client.get("/v1/models/nope")).status_code == 404


async def test_what_is_listed_is_what_can_be_asked_for(serve, routes_file, model_server, second_server):
    """Every listed name is answered, before and after a model is learnt; a backend whose models are named by its
    routes goes by those alone."""
    model_server.it_answers("from a")
    second_server.it_answers("from b")
    second_server.models = []
    path = routes_file(
        {"a": {"url": model_server.url}, "b": {"url": second_server.url}},
        fast=[{"backend": "a", "model": "big"}, {"backend": "b"}, {"backend": "extractive"}],
    )
    client = await serve(routes_file=path, probe_interval_s=0.02)
    for names in (["viva", "fast", "big", "extractive", "b"], ["viva", "fast", "big", "learnt", "extractive", "b"]):
        body = await until(client, "/v1/models", lambda body, most=len(names): len(body["data"]) == most)
        assert [model["id"] for model in body["data"]] == names
        second_server.models = ["learnt"]
    for name, backend in (("viva", "a"), ("fast", "a"), ("big", "a"), ("learnt", "b"), ("b", "b"), ("a", None)):
        response = await client.post(PATH, json=chat(model=name))
        assert response.headers.get("x-viva-backend") == backend
        assert (await client.get(f"/v1/models/{name}")).status_code == (200 if backend else 404)
    assert "there are 'viva', 'fast', 'big', 'learnt', 'extractive', 'b'." in response.json()["error"]["message"]


async def test_metrics_count_answers_failures_and_tokens(serve, model_server):
    """Answers, failed attempts, fallbacks, first-token times and tokens are counted by backend."""
    model_server.it_fails(500)
    settings = {"fake_first_token_ms": 0, "fake_tokens_per_s": 0, "fake_text": "one two three"}
    client = await serve(backends=f"a=openai:{model_server.url}|m,fake", **settings)
    await client.post(PATH, json=chat(stream=True))
    page = (await client.get("/metrics")).text
    for line in (
        'viva_llm_answers_total{backend="fake",outcome="ok"} 1.0',
        'viva_llm_backend_failures_total{backend="a",reason="server_error"} 1.0',
        'viva_llm_fallbacks_total{backend="fake"} 1.0',
        'viva_llm_first_token_seconds_count{backend="fake"} 1.0',
        'viva_llm_tokens_total{backend="fake",kind="completion"} 3.0',
        "viva_llm_active 0.0",
    ):
        assert line in page


async def test_openapi_describes_the_request(serve):
    """The document has the request's schema, and its references lead somewhere."""
    client = await serve(backends="fake")
    document = (await client.get("/openapi.json")).json()
    body = document["paths"]["/v1/chat/completions"]["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    assert {"messages", "stream", "stop", "max_tokens"} <= set(schema["properties"])
    node = document
    for step in schema["properties"]["messages"]["items"]["$ref"].removeprefix("#/").split("/"):
        node = node[step.replace("~1", "/")]
    assert set(node["required"]) == {"role", "content"}
