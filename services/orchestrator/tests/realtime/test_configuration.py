"""The configuration of a conversation: merged, lenient, and told in values that strict clients can read."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viva_orchestrator.realtime.configuration import Configuration
from viva_orchestrator.realtime.listening import InputFormat, TurnDetection

from .conftest import LARGEST_EVENT

DEFAULT = Configuration.default("alloy")


def audio_in(**fields) -> Configuration:
    return DEFAULT.updated({"audio": {"input": fields}})


def test_updates_are_merged_to_any_depth():
    """What an update does not name stays."""
    changed = audio_in(turn_detection={"silence_duration_ms": 900}).updated({"audio": {"output": {"voice": "echo"}}})
    assert changed.detection == TurnDetection(silence_duration_ms=900)
    assert changed.voice == "echo"
    assert changed.transcribes


def test_null_is_push_to_talk():
    """turn_detection null, and a later type turns it on again."""
    by_hand = audio_in(turn_detection=None)
    assert by_hand.detection is None
    assert by_hand.effective()["audio"]["input"]["turn_detection"] is None
    assert (
        by_hand.updated({"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}).detection == TurnDetection()
    )


def test_what_livekit_sends_is_understood():
    """Its first event, with a voice and a model that we do not have."""
    session = {
        "type": "realtime",
        "model": "gpt-realtime",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "tool_choice": "auto",
        "tracing": None,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": None,
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {
                    "type": "semantic_vad",
                    "eagerness": "medium",
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1.0},
        },
    }
    told = DEFAULT.updated(session).effective()
    assert {name: told[name] for name in session if name != "type"} == {
        name: value for name, value in session.items() if name != "type"
    }


@pytest.mark.parametrize(
    ("asked", "path", "told"),
    [
        ({"audio": {"input": {"noise_reduction": {}}}}, "input.noise_reduction", None),
        (
            {"audio": {"input": {"noise_reduction": {"type": "near_field"}}}},
            "input.noise_reduction",
            {"type": "near_field"},
        ),
        (
            {"audio": {"input": {"transcription": {"model": "x", "odd": 1, "language": "en"}}}},
            "input.transcription",
            {"model": "x", "language": "en"},
        ),
        ({"audio": {"input": {"transcription": None}}}, "input.transcription", None),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 48000}}}},
            "input.format",
            {"type": "audio/pcm", "rate": 24000},
        ),
        (
            {"audio": {"output": {"format": {"type": "audio/pcmu", "rate": 8000}}}},
            "output.format",
            {"type": "audio/pcmu"},
        ),
        (
            {"audio": {"output": {"format": {"type": "mp3"}}}},
            "output.format",
            {"type": "audio/pcm", "rate": 24000},
        ),
        ({"audio": {"output": {"speed": 9}}}, "output.speed", 1.5),
        ({"audio": {"output": {"voice": {"id": "voice_1"}}}}, "output.voice", "voice_1"),
    ],
)
def test_the_echo_has_only_what_strict_clients_can_read(asked, path, told):
    """pipecat's parser raises for extra keys, other rates and empty objects."""
    side, name = path.split(".")
    assert DEFAULT.updated(asked).effective()["audio"][side][name] == told


@pytest.mark.parametrize(("asked", "told"), [({"type": "function", "name": "x"}, "auto"), ("required", "required")])
def test_a_tool_choice_is_a_word(asked, told):
    """An object makes pipecat's parser raise; tools are echoed and not called."""
    changed = DEFAULT.updated({"tool_choice": asked, "tools": [{"type": "function", "name": "x"}]}).effective()
    assert changed["tool_choice"] == told
    assert changed["tools"] == [{"type": "function", "name": "x"}]


@pytest.mark.parametrize(
    "session",
    [
        {"audio": None},
        {"audio": 7},
        {"audio": {"input": None, "output": None}},
        {"audio": {"input": {"turn_detection": {"threshold": "high"}}}},
        {"output_modalities": None, "nobody_knows_this": 1},
    ],
)
def test_what_makes_no_sense_is_as_if_it_had_not_been_said(session):
    """Nothing is refused."""
    assert DEFAULT.updated(session).effective() == DEFAULT.effective() or session == {"audio": 7}
    assert DEFAULT.updated(session).input_format == InputFormat()


def test_numbers_stay_within_their_bounds():
    """A threshold over 1 is 1; a boolean is no number."""
    detection = audio_in(
        turn_detection={"threshold": 7, "prefix_padding_ms": True, "silence_duration_ms": -5}
    ).detection
    assert (detection.threshold, detection.prefix_padding_ms, detection.silence_duration_ms) == (1.0, 300, 50)


def test_only_text_is_text():
    """Asked for both, the answer is spoken: its transcript comes with it."""
    assert not DEFAULT.updated({"output_modalities": ["text"]}).speaks
    assert DEFAULT.updated({"output_modalities": ["text", "audio"]}).speaks


def test_ballast_is_not_kept():
    """A session is held for every connection: long instructions are cut, and huge lists of tools left out."""
    changed = DEFAULT.updated({"instructions": "x" * 1_000_000, "tools": [{"name": "y" * 1_000_000}]})
    assert len(str(changed.asked)) < 110_000


@pytest.mark.parametrize("path", ["audio", "audio.input", "audio.input.format", "audio.output", "tracing", "prompt"])
def test_many_updates_take_no_more_room_than_one(path):
    """Fields of other names do not pile up, wherever they are put."""
    changed = DEFAULT
    for number in range(50):
        update = {f"k{number}": "x" * 9000}
        for name in reversed(path.split(".")):
            update = {name: update}
        changed = changed.updated(update)
    assert len(orjson.dumps(changed.asked)) < 20_000


def test_the_largest_session_can_still_be_told():
    """Though each field is as large as can be, the event is one that clients can take."""
    worst = "\x01" * LARGEST_EVENT
    texts = dict.fromkeys(("instructions", "model", "tool_choice", "max_output_tokens"), worst)
    lists = {"include": [worst[:1600]], "reasoning": {"x": worst[:1600]}, "tracing": {"x": worst[:1600]}}
    lists |= {"prompt": {"x": worst[:1600]}, "truncation": worst[:1600], "tools": [{"name": worst[:16_000]}]}
    words = {"model": worst, "language": worst, "prompt": worst}
    audio = {"input": {"transcription": words}, "output": {"voice": worst}}
    told = DEFAULT.updated({**texts, **lists, "audio": audio}).effective()

    assert {"tools", "prompt", "instructions"} <= set(filter(told.get, told))
    assert len(orjson.dumps(told)) < LARGEST_EVENT - 1000


@pytest.mark.parametrize("ballast", [b"[" + b"{}," * 20_000 + b"{}]", b"[" * 252 + b"]" * 252])
def test_what_takes_more_than_its_json_looks_like_is_left_out(ballast):
    """Tens of thousands of empty objects, and lists so deep that an event with them could not be written."""
    changed = DEFAULT.updated({"tools": orjson.loads(ballast)})
    assert changed.asked["tools"] == []


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def _some(**fields: st.SearchStrategy) -> st.SearchStrategy:
    return _VALUES | st.fixed_dictionaries({}, optional=fields)


_AUDIO_IN = _some(
    format=_some(type=st.sampled_from(["audio/pcm", "audio/pcmu"]) | _VALUES, rate=_VALUES),
    transcription=_some(language=_VALUES, model=_VALUES),
    noise_reduction=_some(type=_VALUES),
    turn_detection=_some(
        type=st.sampled_from(["server_vad", "semantic_vad"]) | _VALUES,
        threshold=_VALUES,
        silence_duration_ms=_VALUES,
        prefix_padding_ms=_VALUES,
        eagerness=_VALUES,
    ),
)
_AUDIO_OUT = _some(format=_some(type=_VALUES), voice=_some(id=_VALUES), speed=_VALUES)
_SESSIONS = st.fixed_dictionaries(
    {},
    optional={
        "audio": _some(input=_AUDIO_IN, output=_AUDIO_OUT),
        **dict.fromkeys(("instructions", "tools", "tool_choice", "model", "output_modalities", "prompt"), _VALUES),
    },
)


@given(st.lists(_SESSIONS, max_size=3))
def test_whatever_is_asked_for_there_is_a_configuration(updates):
    """Nothing raises, all of it is told, and what was kept of it means the same when it is read again."""
    changed = DEFAULT
    for session in updates:
        changed = changed.updated(session)
    again = Configuration(orjson.loads(orjson.dumps(changed.asked)), "alloy")
    for configuration in (changed, again):
        assert orjson.dumps(configuration.effective())
        assert configuration.language is None or len(configuration.language) <= 20
        detection = configuration.detection
        assert detection is None or 0 <= detection.threshold <= 1
    assert orjson.dumps(again.effective()) == orjson.dumps(changed.effective())
