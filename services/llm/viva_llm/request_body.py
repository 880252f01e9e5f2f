"""The bodies of requests for answers: what we take of OpenAI's, checked, and turned into what engines are asked."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from viva.errors import InvalidRequest
from viva_llm.chat import Chat, Message, Prompt, Sampling

_MAX_MESSAGES = 1024
_MAX_TOKENS = 1_000_000
# Enough to be past the instructions and well into the lecture; all of a lecture would cost time and tell no more.
_PREFIX_CHARS = 16_384
_AUDIO_CHARS = 2048


class _Body(BaseModel):
    # Fields that we do not know are dropped here: nothing reaches a model server that is not named below.
    model_config = ConfigDict(extra="ignore", frozen=True)


class TextPart(_Body):
    """A stretch of text."""

    type: Literal["text"]
    text: str


class InputAudio(_Body):
    """Audio inside the request."""

    data: str = Field(description="The audio in base64", pattern=r"^[A-Za-z0-9+/]*={0,2}$")
    format: str = Field(description="Its container, like `wav` or `mp3`", pattern=r"^[a-z0-9]{1,16}$")


class InputAudioPart(_Body):
    """Audio inside the request, as OpenAI has it."""

    type: Literal["input_audio"]
    input_audio: InputAudio


class AudioURL(_Body):
    """Where audio is."""

    url: str = Field(description="A data: URL, or an address that VIVA_LLM_AUDIO_URL_PREFIXES allows")


class AudioURLPart(_Body):
    """Audio by address, as vLLM has it."""

    type: Literal["audio_url"]
    audio_url: AudioURL


ContentPart = Annotated[TextPart | InputAudioPart | AudioURLPart, Field(discriminator="type")]


class RequestMessage(_Body):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[ContentPart], Field(min_length=1, max_length=256)]


Messages = Annotated[list[RequestMessage], Field(min_length=1, max_length=_MAX_MESSAGES)]


class StreamOptions(_Body):
    """What a stream carries besides its text."""

    include_usage: bool = Field(False, description="A last chunk with the token counts")


class ResponseFormat(_Body):
    """Only text is answered."""

    type: Literal["text"]


class Placed(_Body):
    """What every request has that is sent on to a model server."""

    model: str | None = Field(
        None, max_length=512, description="A name of GET /v1/models: an alias or a model; `viva`: the default alias"
    )
    user: str | None = Field(None, max_length=512)
    prompt_cache_key: str | None = Field(
        None,
        max_length=512,
        description="What requests with the same long beginning have in common: they meet the same replica, whose "
        "cache has it; without it, `user` or the beginning itself",
    )

    def placement_key(self) -> str:
        """What requests have in common that should meet the same replica."""
        return self.prompt_cache_key or self.user or self._beginning()[:_PREFIX_CHARS]

    def _beginning(self) -> str:
        return ""


class Sampled(Placed):
    """What a request for an answer says of how to choose its tokens."""

    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, le=_MAX_TOKENS)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    n: Literal[1] | None = Field(1, description="Only one answer is given")

    @property
    def include_usage(self) -> bool:
        """Whether the stream is to end with the token counts."""
        return self.stream_options is not None and self.stream_options.include_usage

    def sampling(self, max_completion_tokens: int | None = None) -> Sampling:
        """How to choose tokens."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            seed=self.seed,
            stop=tuple(filter(None, stops)),
            max_tokens=self.max_tokens,
            max_completion_tokens=max_completion_tokens,
        )


class ChatCompletionRequest(Sampled):
    """OpenAI's chat request, as far as it makes sense here; other fields are ignored."""

    messages: Messages
    max_completion_tokens: int | None = Field(None, ge=1, le=_MAX_TOKENS)
    tools: Annotated[list, AfterValidator(lambda tools: _none_of(tools, "tools"))] | None = None
    logprobs: Literal[False] | None = Field(None, description="Not given")
    response_format: ResponseFormat | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> "ChatCompletionRequest":
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            raise ValueError("give max_tokens or max_completion_tokens, not both")
        return self

    def _beginning(self) -> str:
        return _beginning_of(self.messages)

    def as_chat(self, audio_prefixes: tuple[str, ...]) -> Chat:
        """The chat that engines are asked. Raises InvalidRequest for an audio address that is not ours."""
        messages = messages_of(self.messages, audio_prefixes)
        return Chat(messages, self.sampling(self.max_completion_tokens), self.user)


class CompletionRequest(Sampled):
    """OpenAI's request to go on with a text; other fields are ignored."""

    prompt: str
    echo: Literal[False] | None = False
    suffix: Literal[""] | None = None
    logprobs: Literal[0] | None = Field(None, description="Not given")

    def _beginning(self) -> str:
        return self.prompt

    def as_prompt(self) -> Prompt:
        """What engines are asked."""
        return Prompt(self.prompt, self.sampling(), self.user)


Request = TypeVar("Request", bound=Placed)


def parse_request(kind: type[Request], body: bytes) -> Request:
    """The request in a body. Raises InvalidRequest, which names the field."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if problem["type"] == "json_invalid":
        raise InvalidRequest("The body is not valid JSON.", code="invalid_json")
    where = ".".join(str(part) for part in problem["loc"])
    reason = problem["msg"].removeprefix("Value error, ")
    raise InvalidRequest(f"{where or 'The request'}: {reason}.", param=where or None)


def _none_of(given: list, what: str) -> None:
    if given:
        raise ValueError(f"{what} are not supported here")


def messages_of(messages: list[RequestMessage], audio_prefixes: tuple[str, ...]) -> tuple[Message, ...]:
    """The messages that engines are given. Raises InvalidRequest for an audio address that is not ours."""
    return tuple(_message(message, audio_prefixes) for message in messages)


def _beginning_of(messages: list[RequestMessage]) -> str:
    """Enough of the first message to know it by; copies little of it, since audio may be megabytes."""
    first = messages[0].content
    if isinstance(first, str):
        return first
    known: list[str] = []
    left = _PREFIX_CHARS
    for part in first:
        if left <= 0:
            break
        known.append(part.text[:left] if isinstance(part, TextPart) else _known_by(part))
        left -= len(known[-1])
    return "\n".join(known)


def _known_by(part: InputAudioPart | AudioURLPart) -> str:
    """Recordings may begin alike, with a header and silence, so that the length and the end count as well."""
    data = part.input_audio.data if isinstance(part, InputAudioPart) else part.audio_url.url
    return data if len(data) <= 2 * _AUDIO_CHARS else f"{len(data)} {data[:_AUDIO_CHARS]}{data[-_AUDIO_CHARS:]}"


def _message(message: RequestMessage, audio_prefixes: tuple[str, ...]) -> Message:
    # Older models and servers know only "system"; the two mean the same.
    role = "system" if message.role == "developer" else message.role
    if isinstance(message.content, str):
        return Message(role, message.content)
    for part in message.content:
        if isinstance(part, AudioURLPart):
            _check_audio_url(part.audio_url.url, audio_prefixes)
    if all(isinstance(part, TextPart) for part in message.content):
        # Plain text for the many servers and templates that know no parts.
        return Message(role, "\n".join(part.text for part in message.content))
    return Message(role, tuple(part.model_dump() for part in message.content))


def _check_audio_url(url: str, prefixes: tuple[str, ...]) -> None:
    """Stops a client from making the model server fetch an address of its choice."""
    if url.startswith("data:audio/"):
        return
    # Tabs and line breaks are dropped by whoever parses the address, and signs like a full-width stop may become dots.
    plain = url.isascii() and url.isprintable() and not any(trick in url.lower() for trick in ("..", "%2e", "\\"))
    if not (plain and url.startswith(prefixes)):
        raise InvalidRequest("audio_url: only addresses that this service was told of.", param="messages")
