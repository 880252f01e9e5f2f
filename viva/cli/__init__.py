"""The `viva` command."""

import contextlib
import sys

from viva.errors import VivaError


def main() -> None:
    """Runs the command line; every failure is a sentence and an exit status: 2 for a wrong call, 1 for the rest."""
    from viva.cli.app import app
    from viva.cli.console import show_error

    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a test's stream may not have it
            stream.reconfigure(errors="replace")
    try:
        app()
    except VivaError as error:
        show_error(error)
        sys.exit(2 if error.code in ("unknown_variable", "wrong_settings", "wrong_url", "wrong_plan") else 1)
    except BrokenPipeError:  # `viva ask … | head`: nobody reads any more
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if error.filename is None:  # not about a file that somebody named: a defect
            raise
        show_error(VivaError(f"{error.filename}: {error.strerror}.", code="file_error"))
        sys.exit(1)
