"""The sentence model: what is near in meaning is near in vectors."""

import numpy as np
import pytest

from viva.errors import EngineUnavailable
from viva_llm.extractive import sentence_model
from viva_llm.extractive.sentence_model import WIDTH, SentenceModel


@pytest.fixture(scope="module")
def model() -> SentenceModel:
    """Loaded once."""
    return SentenceModel()


def test_vectors_have_length_one(model: SentenceModel) -> None:
    """There is one unit vector per text, also for a text without words and for none at all."""
    vectors = model.vectors(["The kettle boils.", ""])
    assert vectors.shape == (2, WIDTH)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert model.vectors([]).shape == (0, WIDTH)


def test_other_words_for_the_same_are_near(model: SentenceModel) -> None:
    """A question is nearer to its answer in wholly other words than to a sentence that shares words with it."""
    asked, answer, other = model.vectors(
        [
            "Which partner ran out of money?",
            "Our distributor went bankrupt in August.",
            "Which bus are you running to catch?",
        ]
    )
    assert asked @ answer > 0.3 > asked @ other


def test_company_in_the_batch_changes_nothing(model: SentenceModel) -> None:
    """A text has the same vector alone as beside longer ones, so that padding has no say in it."""
    text = "A grove of birches stood on the hill."
    alone = SentenceModel().vectors([text])[0]
    beside = SentenceModel().vectors([text, " ".join(["and so on"] * 40)])[0]
    assert alone @ beside > 0.999


def test_a_token_is_near_to_its_like_in_another_text(model: SentenceModel) -> None:
    """A text is wholly in itself, and its words are nearer to words of the same matter than to those of another."""
    asked = "How much was the rent?"
    itself, told, other = (
        model.likeness(asked, [text]) for text in (asked, "We paid for the flat monthly.", "Whales sing.")
    )
    assert itself.shape == told.shape
    assert np.allclose(itself, 1.0, atol=1e-3)
    assert told.mean() > other.mean()


def test_the_nearest_of_several_texts_counts(model: SentenceModel) -> None:
    """A text beside others takes nothing away, and one without words is like nothing."""
    asked, told = "How much was the rent?", "We paid for the flat monthly."
    assert np.all(model.likeness(asked, ["Whales sing.", told]) >= model.likeness(asked, [told]) - 0.01)
    assert np.all(model.likeness(asked, [""]) == -1.0)


def test_another_file_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are not the published ones stop the start with a sentence."""
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(sentence_model, "_folder", lambda: tmp_path)
    with pytest.raises(EngineUnavailable, match="not the published one"):
        SentenceModel()


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is not installed, the sentence says how to install it."""
    monkeypatch.setattr(sentence_model, "find_spec", lambda _name: None)
    with pytest.raises(EngineUnavailable, match=r"sentence-model\.txt"):
        SentenceModel()
