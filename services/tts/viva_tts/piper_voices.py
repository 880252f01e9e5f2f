"""Where Piper's voices are. Imports nothing of Piper, since `auto` asks before anything is chosen."""

from pathlib import Path

from viva_tts.settings import TTSSettings


def find_voices(settings: TTSSettings) -> list[Path]:
    """The .onnx files of the voices that are named or found, each with its .onnx.json beside it, in stable order."""
    named = settings.piper_voice
    if named and _is_voice(Path(named)):
        return [Path(named)]
    found = sorted(path for path in settings.models_dir.rglob("*.onnx") if _is_voice(path))
    return [path for path in found if named in (path.stem, path.name)] if named else found


def _is_voice(path: Path) -> bool:
    return path.suffix == ".onnx" and path.is_file() and Path(f"{path}.json").is_file()
