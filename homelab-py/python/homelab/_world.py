"""The world, as Python waits: `async with connect(lab)`, and `with connect_sync(lab)` for the same, blocking."""

from __future__ import annotations

from . import _native

# As in `typing`, which takes longer to import than all of this package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import weakref
    from collections.abc import Callable, Generator
    from os import PathLike
    from pathlib import Path
    from types import TracebackType
    from typing import Any, NoReturn

    from typing_extensions import Self

    from ._native import Engines, Lab, Observed, Outcome, Plan, Repositories
    from .view import EventView

    Progress = Callable[[EventView], object]


def connect(
    lab: Lab, *, state: str | PathLike[str] | None = None, compose: str | PathLike[str] | None = None
) -> Connecting:
    """Connects to the world of a lab: `async with homelab.connect(lab) as world`.

    `state` is the folder for its state, instead of `$XDG_STATE_HOME/homelab/LAB/`; `compose` the program of Docker
    Compose, instead of `docker compose` or `docker-compose` on `PATH`.
    """
    return Connecting(lab, state, compose)


def connect_sync(
    lab: Lab, *, state: str | PathLike[str] | None = None, compose: str | PathLike[str] | None = None
) -> SyncWorld:
    """Connects to the world of a lab, blocking: `with homelab.connect_sync(lab) as world`."""
    return SyncWorld(_native.World.connect_sync(lab, state, compose))


class Connecting:
    """A world that is being connected: for `async with`, or to await (and then `aclose()` the world yourself)."""

    __slots__ = ("_compose", "_lab", "_state", "_world")

    def __init__(self, lab: Lab, state: str | PathLike[str] | None, compose: str | PathLike[str] | None = None) -> None:
        self._lab = lab
        self._state = state
        self._compose = compose
        self._world: World | None = None

    async def _connect(self) -> World:
        return World(await _native.World.connect(self._lab, self._state, self._compose))

    def __await__(self) -> Generator[Any, None, World]:
        return self._connect().__await__()

    async def __aenter__(self) -> World:
        self._world = await self._connect()
        return self._world

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._world is not None:
            await self._world.aclose()


class _Base:
    """What both worlds share: whether they are open."""

    def __init__(self, native: _native.World) -> None:
        self._native: _native.World | None = native

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._native is None

    @property
    def root(self) -> Path:
        """The folder that plans write in."""
        return self._open().root

    def engines(self) -> Engines:
        """Returns the engines of the lab's hosts, to look at and to watch."""
        return self._open().engines()

    def repositories(self) -> Repositories:
        """Returns the repositories of backups of the lab, to look at."""
        return self._open().repositories()

    def _open(self) -> _native.World:
        if self._native is None:
            _refuse("use a world that was closed", "connect again")
        return self._native

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{' closed' if self.closed else ''}>"


def _weak_set() -> weakref.WeakSet[Any]:
    import weakref

    return weakref.WeakSet()


def _refuse(message: str, hint: str) -> NoReturn:
    _native.throw("invalid", message, hint)
    raise AssertionError("not reached")


class World(_Base):
    """The engines, files and the rest of one lab, for `async` programs."""

    def __init__(self, native: _native.World) -> None:
        super().__init__(native)
        self._running: weakref.WeakSet[Operation] = _weak_set()

    async def observe(self, lab: Lab | None = None, *, engines: bool = True, repositories: bool = True) -> Observed:
        """Returns what there is to see now. What cannot be seen is a fact of the observation, not an error.

        The lab is the one that this was connected to; give it where you have loaded it anew since. Without `engines`
        those of its hosts are not asked, without `repositories` those of its backups, which takes a moment for each.
        """
        return await self._open().observe(lab, engines, repositories)

    def _apply(self, plan: Plan, progress: Progress | None, allow_partial: bool) -> Operation:
        operation = Operation(self._open().apply(plan), progress, allow_partial)
        self._running.add(operation)
        return operation

    async def aclose(self) -> None:
        """Stops what still runs in it, waits until that has cleaned up, and closes it."""
        self._native = None
        for operation in list(self._running):
            await operation.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class SyncWorld(_Base):
    """The engines, files and the rest of one lab, for programs that wait. Ctrl-C is heard while they do."""

    def __init__(self, native: _native.World) -> None:
        super().__init__(native)
        self._running: weakref.WeakSet[SyncOperation] = _weak_set()

    def observe(self, lab: Lab | None = None, *, engines: bool = True, repositories: bool = True) -> Observed:
        """Returns what there is to see now. What cannot be seen is a fact of the observation, not an error.

        The lab is the one that this was connected to; give it where you have loaded it anew since. Without `engines`
        those of its hosts are not asked, without `repositories` those of its backups, which takes a moment for each.
        """
        return self._open().observe_sync(lab, engines, repositories)

    def start(self, plan: Plan, *, allow_partial: bool = False) -> SyncOperation:
        """Begins to apply a plan and returns at once: for its events, and to stop it. `Plan.apply` waits instead."""
        operation = SyncOperation(self._open().apply(plan), allow_partial)
        self._running.add(operation)
        return operation

    def _apply(self, plan: Plan, progress: Progress | None, allow_partial: bool) -> Outcome:
        operation = self.start(plan, allow_partial=allow_partial)
        if progress is not None:
            try:
                for event in operation.events():
                    progress(event)
            except Exception:
                operation.cancel()
                raise
            except BaseException:
                # Ctrl-C is answered at once: the world's end waits for the cleanup.
                operation._native.cancel()
                raise
        return operation.wait()

    def close(self) -> None:
        """Stops what still runs in it, waits until that has cleaned up, and closes it."""
        self._native = None
        for operation in list(self._running):
            operation.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Operation:
    """A plan that is being applied, from the moment it was made. Await it for its outcome.

    Cancelling the task that awaits it stops the plan, and waits until it has cleaned up.
    """

    __slots__ = ("__weakref__", "_allow_partial", "_awaited", "_native", "_progress")

    def __init__(self, native: _native.Operation, progress: Progress | None, allow_partial: bool) -> None:
        self._native = native
        self._progress = progress
        self._allow_partial = allow_partial
        self._awaited = False

    async def _wait(self) -> Outcome:
        self._awaited = True
        try:
            if self._progress is not None:
                async for event in self.events():
                    self._progress(event)
            return await self._native.wait(self._allow_partial)
        except GeneratorExit:
            self._native.cancel()
            raise
        except BaseException:
            await self.cancel()
            raise

    def __await__(self) -> Generator[Any, None, Outcome]:
        return self._wait().__await__()

    def events(self) -> Events:
        """Returns what happens, from the beginning, to its end."""
        return Events(self._native.events())

    @property
    def finished(self) -> bool:
        """Whether it has ended."""
        return self._native.finished

    async def cancel(self) -> None:
        """Asks it to stop, and waits until it has ended and cleaned up. A step that has begun is ended."""
        self._awaited = True
        self._native.cancel()
        await self._native.wait_finished()

    def __del__(self) -> None:
        # Nothing is there if making it failed.
        if getattr(self, "_native", None) is not None and not self._awaited and not self._native.finished:
            import warnings

            warnings.warn("an operation was dropped, and so stopped: await it", RuntimeWarning, stacklevel=2)

    def __repr__(self) -> str:
        return f"<Operation {'finished' if self.finished else 'running'}>"


class SyncOperation:
    """A plan that is being applied, from the moment it was started, while this program does other things."""

    __slots__ = ("__weakref__", "_allow_partial", "_native")

    def __init__(self, native: _native.Operation, allow_partial: bool) -> None:
        self._native = native
        self._allow_partial = allow_partial

    def wait(self) -> Outcome:
        """Waits for its outcome. Ctrl-C asks it to stop; the world's end waits until it has cleaned up."""
        try:
            return self._native.wait_sync(self._allow_partial)
        except KeyboardInterrupt:
            self._native.cancel()
            raise

    def events(self) -> SyncEvents:
        """Returns what happens, from the beginning, to its end."""
        return SyncEvents(self._native.events())

    @property
    def finished(self) -> bool:
        """Whether it has ended."""
        return self._native.finished

    def cancel(self) -> None:
        """Asks it to stop, and waits until it has ended and cleaned up. A step that has begun is ended."""
        self._native.cancel()
        self._native.wait_finished_sync()

    def __repr__(self) -> str:
        return f"<SyncOperation {'finished' if self.finished else 'running'}>"


class Events:
    """What happens while a plan is applied: an async iterator. Not reading it holds up nothing."""

    __slots__ = ("_native",)

    def __init__(self, native: _native.Events) -> None:
        self._native = native

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventView:
        event = await self._native.next()
        if event is None:
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        """Ends it for this reader, also one that waits in another task. The operation goes on."""
        self._native.close()


class SyncEvents:
    """What happens while a plan is applied: an iterator. Not reading it holds up nothing."""

    __slots__ = ("_native",)

    def __init__(self, native: _native.Events) -> None:
        self._native = native

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> EventView:
        event = self._native.next_sync()
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """Ends it for this reader, also one that waits in another thread. The operation goes on."""
        self._native.close()
