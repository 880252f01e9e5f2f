"""POST /tokenize, /v1/embeddings and /v1/completions."""

import pytest

from .model_server import chat, event, sse

FAKE = {"backends": "fake", "fake_first_token_ms": 0, "fake_tokens_per_s": 0, "fake_text": "one two three"}
MESSAGES = [{"role": "system", "content": "A lecture."}, {"role": "user", "content": "Why?<|im_end|>"}]
EMBEDDINGS = {
    "id": "theirs",
    "object": "list",
    "model": "theirs",
    "data": [{"index": 0, "object": "embedding", "embedding": [0.5, -1], "extra": 1}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3, "completion_tokens": 0},
}


async def one(serve, server, **settings):
    """The service in front of one model server, with the extractive answerer behind it."""
    return await serve(backends=f"a=openai:{server.url}|m,extractive", **settings)


async def test_tokens_are_counted_by_the_model_server(serve, model_server):
    """The count is vLLM's own, by its own path beside /v1; the context too; only what we know is sent."""
    model_server.it_says({"count": 42, "max_model_len": 16384, "tokens": [1] * 42, "token_strs": None})
    client = await one(serve, model_server)
    response = await client.post("/tokenize", json={"model": "viva", "messages": MESSAGES, "chat_template": "x"})
    assert response.json() == {"count": 42, "max_model_len": 16384}
    assert response.headers["x-viva-backend"] == "a"
    assert model_server.paths == ["/tokenize"]
    sent = [MESSAGES[0], {"role": "user", "content": "Why? "}]
    assert model_server.requests == [{"model": "m", "messages": sent}]
    await client.post("/tokenize", json={"prompt": "one two"})
    assert model_server.requests[1] == {"model": "m", "prompt": "one two"}


async def test_context_comes_from_the_list_of_models_when_the_count_has_none(serve, model_server):
    """`max_model_len` is what /v1/models says where /tokenize does not."""
    model_server.models = [{"id": "m", "max_model_len": 8192}]
    model_server.it_says({"count": 7})
    client = await one(serve, model_server)
    assert (await client.post("/tokenize", json={"prompt": "x"})).json() == {"count": 7, "max_model_len": 8192}


@pytest.mark.parametrize(
    ("status", "body"), [(404, {"detail": "Not Found"}), (405, {}), (501, {}), (200, {"tokens": []})]
)
async def test_endpoint_that_no_backend_has_is_not_supported(serve, model_server, status, body):
    """A server without /tokenize, or with another one of that name, is told as such, and is not at fault."""
    model_server.it_fails(status, body)
    client = await one(serve, model_server)
    response = await client.post("/tokenize", json={"messages": MESSAGES})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_supported")
    (replica,) = (await client.get("/status")).json()["backends"][0]["replicas"]
    assert (replica["state"], replica["serving"], replica["in_flight"]) == ("up", True, 0)


async def test_server_that_is_down_is_no_missing_endpoint(serve, model_server):
    """A model server that fails is an error that may be tried again."""
    model_server.it_fails(500)
    client = await one(serve, model_server)
    response = await client.post("/tokenize", json={"messages": MESSAGES})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "llm_unavailable")


async def test_model_that_a_server_lost_is_no_missing_endpoint(serve, model_server):
    """vLLM says 404 for an unknown model as well."""
    error = {"message": "The model `m` does not exist.", "type": "NotFoundError", "param": "model", "code": 404}
    model_server.it_fails(404, {"error": error})
    client = await one(serve, model_server)
    assert (await client.post("/v1/embeddings", json={"input": "x"})).json()["error"]["code"] == "llm_unavailable"


async def test_embeddings_go_there_and_back(serve, model_server):
    """OpenAI's form in both directions, field by field."""
    model_server.it_says(EMBEDDINGS)
    client = await one(serve, model_server)
    asked = {"input": ["a", "b"], "encoding_format": "float", "dimensions": 2, "priority": 3}
    assert (await client.post("/v1/embeddings", json=asked)).json() == {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1]}],
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }
    assert model_server.paths == ["/v1/embeddings"]
    asked.pop("priority")
    assert model_server.requests == [{"model": "m", **asked}]


async def test_backend_of_embeddings_is_asked_for_nothing_else(serve, routes_file, model_server, second_server):
    """It makes embeddings under its own alias, and a chat by that name reaches nobody and is nobody's failure; under an
    alias that has both kinds each is asked for what it does."""
    model_server.it_says({"data": [{"index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 2}})
    second_server.it_fails(404, {"detail": "Not Found"})
    embed, chats = {"backend": "embed", "model": "e"}, {"backend": "chats", "model": "c"}
    path = routes_file(
        {"embed": {"url": model_server.url, "serves": "embeddings"}, "chats": {"url": second_server.url}},
        default=[chats],
        embeddings=[embed],
        both=[chats, embed],
    )
    client = await serve(routes_file=path, eject_after=1)
    for name in ("embeddings", "both", "e"):
        response = await client.post("/v1/embeddings", json={"model": name, "input": "x"})
        assert (response.status_code, response.headers["x-viva-backend"]) == (200, "embed")
    for address, body in (("chat/completions", chat()), ("completions", {"prompt": "x"})):
        response = await client.post(f"/v1/{address}", json={**body, "model": "embeddings"})
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_supported")
    assert set(model_server.paths) == {"/v1/embeddings"}
    second_server.it_answers("ok")
    assert (await client.post("/v1/chat/completions", json=chat(model="both"))).headers["x-viva-backend"] == "chats"
    backends = {backend["name"]: backend for backend in (await client.get("/status")).json()["backends"]}
    assert [backends[name]["serves"] for name in ("chats", "embed")] == ["chat", "embeddings"]
    assert backends["embed"]["replicas"][0]["state"] == "up"


async def test_embeddings_of_a_chat_model_are_not_supported(serve, model_server):
    """vLLM's refusal for a model that does not embed is one of the endpoint, not of the request."""
    model_server.it_fails(400, {"error": {"message": "The model does not support Embeddings API", "code": 400}})
    client = await one(serve, model_server)
    assert (await client.post("/v1/embeddings", json={"input": "x"})).json()["error"]["code"] == "not_supported"


@pytest.mark.parametrize("answer", [{"data": 5}, {"data": [{"index": 0}]}, {}])
async def test_odd_embeddings_are_a_failure(serve, model_server, answer):
    """What is no list of embeddings is not passed on."""
    model_server.it_says(answer)
    client = await one(serve, model_server)
    assert (await client.post("/v1/embeddings", json={"input": "x"})).status_code == 503


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tokenize", {}),
        ("/tokenize", {"prompt": "x", "messages": MESSAGES}),
        ("/tokenize", {"messages": [{"role": "user", "content": 5}]}),
        ("/v1/embeddings", {"input": []}),
        ("/v1/embeddings", {"input": [-1]}),
        ("/v1/embeddings", {"input": "x", "encoding_format": "hex"}),
        ("/v1/completions", {"prompt": ["a", "b"]}),
        ("/v1/completions", {"prompt": "x", "echo": True}),
    ],
)
async def test_wrong_request_is_refused(serve, path, body):
    """A wrong field is a 400 before any server is asked."""
    client = await serve(**FAKE)
    response = await client.post(path, json=body)
    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_text_is_gone_on_with(serve, model_server):
    """A completion is asked for as such, whole and in a stream, and has OpenAI's form."""
    chunks = [event(choices=[{"index": 0, "text": text, "finish_reason": None}]) for text in ("on", "ce")]
    last = event(choices=[{"index": 0, "text": "", "finish_reason": "length"}])
    usage = event(choices=[], usage={"prompt_tokens": 1, "completion_tokens": 2})
    model_server.it_sends(*chunks, last, usage, b"data: [DONE]\n\n")
    client = await one(serve, model_server)
    asked = {"prompt": "Upon", "max_tokens": 2, "stop": "x"}
    whole = (await client.post("/v1/completions", json=asked)).json()
    assert whole["object"] == "text_completion"
    assert whole["choices"] == [{"index": 0, "text": "once", "logprobs": None, "finish_reason": "length"}]
    assert whole["usage"]["completion_tokens"] == 2
    assert model_server.paths == ["/v1/completions"]
    always = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
    assert model_server.requests == [{"prompt": "Upon", "max_tokens": 2, "stop": ["x"], **always}]
    *events, done = sse((await client.post("/v1/completions", json={**asked, "stream": True})).text)
    assert done == "[DONE]"
    assert [e["choices"][0]["text"] for e in events] == ["on", "ce", ""]
    assert [e["choices"][0]["finish_reason"] for e in events] == [None, None, "length"]
    assert {e["object"] for e in events} == {"text_completion"}


async def test_quoting_is_no_completion(serve):
    """The extractive answerer goes on with nothing; alone it does not support it."""
    client = await serve(backends="extractive")
    response = await client.post("/v1/completions", json={"prompt": "Upon"})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_supported")


async def test_the_openai_sdk_is_a_client(serve, model_server):
    """OpenAI's own library reads completions and embeddings."""
    openai = pytest.importorskip("openai")
    client = await serve(**FAKE)
    async with openai.AsyncOpenAI(base_url=f"{client.base_url}/v1", api_key="none", max_retries=0) as sdk:
        whole = await sdk.completions.create(model="viva", prompt="x")
        assert whole.choices[0].text == "one two three"
        stream = await sdk.completions.create(model="viva", prompt="x", stream=True)
        assert "".join([chunk.choices[0].text async for chunk in stream]) == "one two three"
    model_server.it_says(EMBEDDINGS)
    client = await one(serve, model_server)
    async with openai.AsyncOpenAI(base_url=f"{client.base_url}/v1", api_key="none", max_retries=0) as sdk:
        answer = await sdk.embeddings.create(model="m", input="x", encoding_format="float")
        assert answer.data[0].embedding == [0.5, -1]
