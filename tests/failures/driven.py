"""An event loop whose time is driven: it stands still while anything is at work and leaps to the next timer when nothing is.

Everything that waits on the loop (the bot's pauses, discord.py's backoff, time-outs, rate limits, the world's own timers)
waits in this time, so an hour's outage costs what happens in it and not an hour. Sockets and databases are real.
"""

import asyncio
import selectors
import sys
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from weakref import WeakSet

T = TypeVar("T")

_GRACE = 0.0003
"""Real seconds in which what was sent over the loopback arrives; only then does nothing count as under way."""

_LOOK = 0.05
"""Real seconds between two looks at who is at work, should nobody say when it is done."""

_STUCK = 120.0
"""Real seconds after which whoever is at work is taken for stuck, however busy the machine."""

EPOCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Life:
    """What one process would own: its tasks, connections and listening sockets. :meth:`kill` ends all of it, unfinished.

    Whatever is started inside :meth:`run` belongs to it, and what that starts in turn.
    """

    def __init__(self) -> None:
        self.dead = False
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        self.transports: WeakSet[asyncio.BaseTransport] = WeakSet()
        self.servers: WeakSet[asyncio.AbstractServer] = WeakSet()

    def run(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start something as part of this life."""
        context = copy_context()
        context.run(_LIFE.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    async def kill(self) -> None:
        """Sever every connection, then end every task wherever it stands.

        A task is cancelled anew each time it comes up for breath, so nothing it does on its way out reaches a socket or a
        database.
        """
        self.dead = True
        for server in self.servers:
            server.close()
        for transport in self.transports:
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        while alive := [task for task in self.tasks if not task.done()]:
            for task in alive:
                task.cancel()
            await asyncio.sleep(0)


_LIFE: ContextVar[Life | None] = ContextVar("life", default=None)


def speaks_from_the_dead() -> bool:
    """Whether what runs now belongs to a life that was killed: no process would run it."""
    life = _LIFE.get()
    return life is not None and life.dead


class DrivenLoop(asyncio.SelectorEventLoop):
    """The loop. ``busy`` are questions that say whether something outside the loop is at work."""

    def __init__(self) -> None:
        self._instant = 0.0
        self._in_threads: set[asyncio.Future[Any]] = set()
        self.busy: list[Callable[[], bool]] = []
        super().__init__(_Leaping(self))
        self.set_task_factory(_with_its_life)

    def time(self) -> float:
        """Return the driven time in seconds since the beginning."""
        return self._instant

    def now(self) -> datetime:
        """Return the driven time as an instant."""
        return EPOCH + timedelta(seconds=self._instant)

    def leap(self, seconds: float) -> None:
        """Let time pass at once, as for a machine that slept; timers on the way all ring late."""
        self._instant += seconds

    async def pass_at_once(self, seconds: float) -> None:
        """Leap, and let the timers that rang meanwhile be heard."""
        self.leap(seconds)
        await asyncio.sleep(0)

    @property
    def at_work(self) -> bool:
        """Whether something runs that will come back to the loop by itself."""
        return bool(self._in_threads) or any(is_busy() for is_busy in self.busy)

    def create_future(self) -> "asyncio.Future[Any]":
        """Count those that a database's thread will answer; that of a connection which is closed twice never is."""
        future = super().create_future()
        caller = sys._getframe(1)
        if caller.f_globals["__name__"] == "aiosqlite.core" and caller.f_code.co_name in {"_execute", "_connect"}:
            self._count(future)
        return future

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        """Count what runs in threads."""
        future = super().run_in_executor(executor, func, *args)
        self._count(future)
        return future

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """Let no time pass meanwhile: it would be taken for a thread that hangs."""
        self._in_threads.add(self.create_future())
        await super().shutdown_default_executor(*args, **kwargs)

    async def create_server(self, *args: Any, **kwargs: Any) -> Any:
        """Note whose server it is."""
        server = await super().create_server(*args, **kwargs)
        if (life := _LIFE.get()) is not None:
            life.servers.add(server)
        return server

    def _make_socket_transport(self, *args: Any, **kwargs: Any) -> Any:
        transport = super()._make_socket_transport(*args, **kwargs)  # type: ignore[misc] # asyncio's own hook
        if (life := _LIFE.get()) is not None:
            life.transports.add(transport)
        return transport

    def forget_threads(self) -> None:
        """Wait no more for threads of a process that is dead: a connection that was closed answers nobody."""
        self._in_threads.clear()

    def _count(self, future: "asyncio.Future[Any]") -> None:
        self._in_threads.add(future)
        future.add_done_callback(self._in_threads.discard)


class _Leaping(selectors.DefaultSelector):
    """Waits for sockets as ever, but where only a timer is left to wait for, lets the loop's time leap there."""

    def __init__(self, loop: DrivenLoop) -> None:
        super().__init__()
        self._loop = loop
        self._silent = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or timeout == 0:
            self._silent = 0
            return found
        if timeout is None or self._loop.at_work:
            self._silent += 1
            if self._silent * _LOOK > _STUCK:
                raise RuntimeError("somebody is at work and never comes back")
            return super().select(_LOOK)
        found = super().select(_GRACE)
        if not found:
            self._loop.leap(timeout)
        return found


def _with_its_life(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> "asyncio.Task[Any]":
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **kwargs)
    context = kwargs.get("context")
    life = context.get(_LIFE) if context is not None else _LIFE.get()
    if life is not None:
        life.tasks.add(task)
    return task


def drive(work: Callable[[DrivenLoop], Coroutine[Any, Any, T]]) -> T:
    """Run something in driven time, from the epoch on."""
    with asyncio.Runner(loop_factory=DrivenLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, DrivenLoop)
        return runner.run(work(loop))
