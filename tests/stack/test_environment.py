"""Variables that Viva does not read are found before anything starts."""

from viva.stack.environment import unknown_variable_sentences

KNOWN = {"VIVA_PORT", "VIVA_ASR_ENGINE", "VIVA_LOG_LEVEL"}


def test_a_misspelt_variable_is_answered_with_the_nearest():
    """A name close to a known one gets a did-you-mean."""
    assert unknown_variable_sentences(["VIVA_ASR_ENGIN", "HOME"], KNOWN) == [
        "VIVA_ASR_ENGIN is not a variable that Viva reads: did you mean VIVA_ASR_ENGINE?"
    ]


def test_a_variable_like_no_other_points_to_the_list():
    """A name that resembles nothing gets no wrong guess."""
    (sentence,) = unknown_variable_sentences(["VIVA_XYZZY_PLUGH_42"], KNOWN)
    assert "did you mean" not in sentence
    assert "README" in sentence


def test_known_and_foreign_variables_pass():
    """Neither a known variable nor one of another program is complained about."""
    assert unknown_variable_sentences(["VIVA_PORT", "VIVARIUM", "PATH"], KNOWN) == []
