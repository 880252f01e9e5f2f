"""python -m viva_asr: runs the service."""

from viva.service.serve import serve
from viva_asr.app import create_app
from viva_asr.settings import AsrSettings


def main() -> None:
    """Serve until told to stop."""
    serve("asr", create_app, AsrSettings)


if __name__ == "__main__":
    main()
