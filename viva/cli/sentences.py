"""What an error of the server means at the command line: the server speaks of calls and fields, people of options."""

from viva.errors import VivaError

_BY_CODE = {
    "session_not_found": "There is no such conversation; it may have ended or expired. "
    "Ask without --session to begin a new one.",
}
_BY_CODE_AND_FIELD = {
    ("not_found", "lecture_id"): "There is no such lecture. `viva lectures` lists those there are.",
}


def sentence_of(error: VivaError) -> str:
    """The message for whoever typed a command."""
    by_field = _BY_CODE_AND_FIELD.get((error.code, error.param))
    return by_field or _BY_CODE.get(error.code, error.message)
