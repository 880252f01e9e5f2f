"""Which models lie inside installed packages, found without importing those."""

from importlib.util import find_spec
from pathlib import Path

_MOONSHINE_FILES = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")


def moonshine_model() -> Path | None:
    """The folder of the model in the moonshine-voice wheel, or None: other versions of it carry none."""
    spec = find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "assets" / "tiny-en"
    return folder if all((folder / name).is_file() for name in _MOONSHINE_FILES) else None
