"""python -m viva_llm: runs the service."""

from viva.service.serve import serve

from .app import create_app
from .settings import LLMSettings


def main() -> None:
    """Serves until told to stop."""
    serve("llm", create_app, LLMSettings)


if __name__ == "__main__":
    main()
