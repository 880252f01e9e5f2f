"""python -m viva_llm: runs the service."""

from viva.service.serve import serve
from viva_llm.app import create_app
from viva_llm.settings import LLMSettings


def main() -> None:
    """Serves until told to stop."""
    serve("llm", create_app, LLMSettings)


if __name__ == "__main__":
    main()
