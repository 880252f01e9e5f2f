"""python -m viva_orchestrator: serves the public API."""

from viva.service.serve import serve
from viva_orchestrator.app import create_app
from viva_orchestrator.settings import Settings

if __name__ == "__main__":
    serve("orchestrator", create_app, Settings)
