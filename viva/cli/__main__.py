"""`python -m viva.cli` is the `viva` command."""

from viva.cli import main

main()
