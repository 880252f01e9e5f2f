"""python -m viva_tts: runs the service."""

from viva.service.serve import serve
from viva_tts.app import create_app
from viva_tts.settings import TTSSettings


def main() -> None:
    """Serves until told to stop."""
    serve("tts", create_app, TTSSettings)


if __name__ == "__main__":
    main()
