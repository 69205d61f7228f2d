"""Background calls (``async_req=True``): daemon threads that start when needed, end when idle."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from .locks import Event, Lock

T = TypeVar("T")

# How long an idle thread waits for another call, in seconds.
_LINGER = 1.0


class AsyncResult(Generic[T]):
    """The result of a background call; has the interface of ``multiprocessing.pool``'s."""

    def __init__(self) -> None:
        self._done = Event()
        self._value: Any = None
        self._error: BaseException | None = None

    def get(self, timeout: float | None = None) -> T:
        """The call's result, waiting at most ``timeout`` seconds (default: for ever).

        Raises:
            TimeoutError: the call is still running.
            Exception: whatever the call raised.
        """
        if not self._done.wait(timeout):
            raise TimeoutError("the call has not finished within %s seconds" % timeout)
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[no-any-return]

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the call has finished, at most ``timeout`` seconds (default: for ever)."""
        self._done.wait(timeout)

    def ready(self) -> bool:
        """Whether the call has finished."""
        return self._done.is_set()

    def successful(self) -> bool:
        """Whether the call finished without an exception.

        Raises:
            ValueError: it has not finished.
        """
        if not self.ready():
            raise ValueError("the call has not finished yet")
        return self._error is None

    def run(self, call: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> None:
        """Make the call and keep its outcome."""
        try:
            self._value = call(*args, **kwargs)
        except BaseException as error:  # the error is raised by get()
            self._error = error
        self._done.set()


class _Workers:
    """The state that threads and pool share; it holds no reference to the pool.

    There are as many threads as unfinished calls, up to the limit. So a call waits only if the
    limit is reached, and the last thread leaves no call behind.
    """

    # Kept in the class: at interpreter shutdown a module's names may be gone before a pool is.
    limit = 32

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.lock = Lock()
        self.threads = 0
        self.unfinished = 0
        self.closed = False

    def accept(self, job: Any) -> bool:
        """Accept a call; ``False`` if the pool is closed and no thread would run it."""
        if self.pid != os.getpid():  # after fork: the parent's threads are not here
            return False
        with self.lock:
            if self.closed:
                return False
            self.jobs.put(job)
            self.unfinished += 1
            start = self.threads < min(self.unfinished, self.limit)
            if start:
                self.threads += 1
        try:
            if start:
                threading.Thread(target=self.work, name="ultracart-call", daemon=True).start()
        except RuntimeError:  # no more threads: the call waits until a running one is idle
            with self.lock:
                self.threads -= 1
            try:
                self.make(self.jobs.get_nowait())
            except queue.Empty:  # pragma: no cover - another thread has it
                pass
        return True

    def work(self) -> None:
        while True:
            try:
                job = self.jobs.get(timeout=_LINGER)
            except queue.Empty:
                with self.lock:
                    if not self.jobs.empty():  # pragma: no cover - one came at the last moment
                        continue
                    self.threads -= 1
                return
            if job is None:  # the pool is gone
                return
            self.make(job)
            del job  # an idle thread keeps no client alive

    def make(self, job: Any) -> None:
        if job is None:  # pragma: no cover - the pool was closed a moment ago
            return
        result, call, args, kwargs = job
        result.run(call, args, kwargs)
        with self.lock:
            self.unfinished -= 1

    def end(self) -> None:
        """Accept no more calls. Call this only when no call is being accepted."""
        self.closed = True
        for _ in range(self.limit):
            self.jobs.put(None)


class CallPool:
    """Threads for background calls: none before the first call, none long after the last.

    They are daemons, so they never delay the end of the process; dropping the pool ends them.
    """

    def __init__(self) -> None:
        self._workers = _Workers()

    def apply_async(
        self, func: Callable[..., Any], args: Any = (), kwds: Mapping[str, Any] | None = None
    ) -> AsyncResult[Any]:
        """Call ``func(*args, **kwds)`` in the background."""
        result: AsyncResult[Any] = AsyncResult()
        job = (result, func, args, dict(kwds or {}))
        while not self._workers.accept(job):
            self._workers = _Workers()
        return result

    def close(self) -> None:
        """End the threads as soon as the calls accepted so far are done."""
        workers, self._workers = self._workers, _Workers()
        if workers.pid == os.getpid():
            with workers.lock:
                workers.end()

    def __del__(self) -> None:
        self._workers.end()
