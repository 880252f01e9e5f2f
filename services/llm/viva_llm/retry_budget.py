"""How many second attempts there may be: a share of all requests, so that retries never make an outage worse."""


class RetryBudget:
    """Every request pays `share` in, every retry takes 1 out. It begins with `reserve`, and `most` can be saved up:
    as many as may be under way at a busy replica that is killed."""

    def __init__(self, share: float, reserve: float = 10.0, most: float = 100.0) -> None:
        self._share = share
        self._most = most
        self._saved = reserve if share else 0.0

    def earn(self) -> None:
        """A request came."""
        self._saved = min(self._most, self._saved + self._share)

    def take(self) -> bool:
        """Whether a retry may be made; it then counts as made."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
