"""The kinds of backend, each imported only when a list names it."""
