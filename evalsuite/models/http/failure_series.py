"""Failures without a response in between: reported after half a minute, and when patience with them ends."""

from __future__ import annotations

import time
from collections.abc import Callable

from evalsuite.models.http.reply import FailureKind, RetryableError
from evalsuite.models.http.silence import SAID_AFTER


class FailureSeries:
    """The failures since any server last responded; `tell` shows a line."""

    def __init__(self, tell: Callable[[str], None], timeout: float, patience: float) -> None:
        self._tell, self._timeout, self._patience = tell, timeout, patience
        self._since: float | None = None
        """When the first failure was; None after a response."""
        self._longest_retry_after = 0.0
        self._said = False

    def reset(self) -> None:
        """Record a response."""
        self._since, self._said = None, False

    def record(self, name: str, error: RetryableError) -> None:
        """Record a failure of the server `name`; one that reports errors for half a minute is reported."""
        if self._since is None:
            self._since, self._longest_retry_after = time.monotonic(), 0.0
        self._longest_retry_after = max(self._longest_retry_after, error.retry_after)
        if error.kind is FailureKind.FAILED and self.seconds >= SAID_AFTER and not self._said:
            self._said = True
            self._tell(
                f"nothing but errors from {name} for {self.seconds:.0f} s, the last: {error.message}; after "
                f"{self._patience:g} s without any response a request that fails is given up (--model-arg patience)"
            )

    @property
    def seconds(self) -> float:
        """Seconds since the first failure; 0 after a response."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def exhausts_patience(self, in_flight: int) -> bool:
        """Return whether the servers have failed for longer than is waited for them.

        A wait that they requested is granted besides; and as long as requests are in flight, one of them may be
        answered until it times out.
        """
        granted = self._patience + self._longest_retry_after + (self._timeout if in_flight else 0.0)
        return self.seconds > granted
