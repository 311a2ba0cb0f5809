"""Ends an exchange from another thread: its connection is shut, so that the provider stops and the reader wakes up."""

from __future__ import annotations

import threading
from typing import Protocol


class Interruptible(Protocol):
    """A connection that another thread may shut."""

    def interrupt(self) -> None:
        """Wake up whoever waits for it, with the end of the connection."""
        ...


class Cancellation:
    """Shuts the connection of whoever was given it, now or as soon as there is one. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: Interruptible | None = None
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Shut the present connection, and every later one at once."""
        with self._lock:
            self._cancelled = True
            if self._watched is not None:
                self._watched.interrupt()

    def watch(self, connection: Interruptible) -> None:
        """Take charge of a connection that is in use from now on."""
        with self._lock:
            self._watched = connection
            if self._cancelled:
                connection.interrupt()

    def release(self, connection: Interruptible) -> None:
        """Let go of a connection before somebody else uses it."""
        with self._lock:
            if self._watched is connection:
                self._watched = None
