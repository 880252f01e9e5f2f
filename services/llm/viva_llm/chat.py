"""What an engine is asked: one validated chat, or a text to go on with, the same for every engine."""

from dataclasses import dataclass

Part = dict[str, object]
"""{"type": "text"|"input_audio"|"audio_url", ...} as the OpenAI API has it, only with the fields we know."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `content` is text, or parts where there is audio among them."""

    role: str
    content: str | tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text of the message without its audio."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(str(part["text"]) for part in self.content if part["type"] == "text")

    @property
    def has_audio(self) -> bool:
        """Whether some part of the message must be heard."""
        return not isinstance(self.content, str) and any(part["type"] != "text" for part in self.content)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose tokens; None leaves it to the backend. Names and ranges are the OpenAI API's."""

    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    max_completion_tokens: int | None = None

    @property
    def limit(self) -> int | None:
        """The most tokens of an answer, by whichever of its two names the client gave."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens


@dataclass(frozen=True, slots=True)
class Chat:
    """One request for an answer; the last message is the one to answer."""

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    user: str | None = None
    is_prompt = False

    @property
    def has_audio(self) -> bool:
        """Whether only a backend that hears can answer."""
        return any(message.has_audio for message in self.messages)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request to go on with a text, without roles or a chat template."""

    text: str
    sampling: Sampling = Sampling()
    user: str | None = None
    is_prompt = True
    has_audio = False

    @property
    def messages(self) -> tuple[Message, ...]:
        """The text as the only message, for engines to which it is all the same."""
        return (Message("user", self.text),)


Asked = Chat | Prompt
