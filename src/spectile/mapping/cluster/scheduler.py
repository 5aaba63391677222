"""Mapping on a Dask cluster: groups of tiles are its tasks; pixels don't pass through here."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
import threading
import time
import uuid
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.mapping.output.job import in_words, program_versions
from spectile.mapping.window_mapper import Tile
from spectile.ranges import Count, Threads, check, check_cores

if TYPE_CHECKING:
    from distributed import Client, Future

    from spectile.mapping.cluster.worker import Outcome, Work

Result = TypeVar("Result")

PATIENCE = 30.0
"""Seconds to wait for a scheduler to answer, and for a worker to come or come back."""
POLL = 1.0
"""Seconds between looks at which workers there are."""
TASKS_A_THREAD = 4
"""Tasks that wait in the scheduler for each thread of a worker: it keeps few of 100,000."""


@dataclass(frozen=True)
class Cluster:
    """Where to map other than in this process."""

    scheduler: str | None = None
    """The address of a Dask scheduler; None to start workers on this machine."""
    workers: int = 1
    """How many processes to start where there is no scheduler."""
    threads: int = 1
    """Of the CPU, for one tile."""

    def __post_init__(self) -> None:
        check("workers", self.workers, Count)
        check("threads", self.threads, Threads)
        if self.scheduler is None:
            check_cores("workers", self.workers)

    @contextmanager
    def connected(self, scene: Scene) -> Iterator[Client]:
        """A client of the cluster; the workers that it started end with it.

        Raises InputError for a scene that other processes can't open, without the packages that
        this needs, and where no scheduler answers.
        """
        if not scene.files:
            raise InputError(
                f"{scene.source} is an array in this process, which workers can't read: map it "
                "without workers, or save it in a file of .npy, GeoTIFF or ENVI first."
            )
        try:
            from distributed import Client
            from distributed.utils import silence_logging_cmgr
        except ImportError as error:
            raise InputError(
                "mapping with workers needs Dask's distributed scheduler: "
                "pip install 'spectile[cluster]'."
            ) from error
        with (
            silence_logging_cmgr(logging.CRITICAL),
            self._started() as address,
            Client(address, timeout=PATIENCE, set_as_default=False) as client,
            client.as_current(),
        ):
            yield client

    @contextmanager
    def _started(self) -> Iterator[str]:
        """The address of the scheduler, which may be one of our own."""
        if self.scheduler is not None:
            _check_answers(self.scheduler)
            yield self.scheduler
            return
        from distributed import LocalCluster

        with _interrupts_held():
            workers = LocalCluster(
                n_workers=self.workers,
                threads_per_worker=1,
                memory_limit=None,  # ours is the bound
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
        with workers:
            yield str(workers.scheduler_address)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes that are started meanwhile don't hear a Ctrl-C: who started them ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _check_answers(address: str) -> None:
    """Raise InputError unless a scheduler answers; a client that finds none is hard to end."""
    from distributed.core import rpc

    async def identity() -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE), rpc(address) as server:
            answer: dict[str, Any] = await server.identity()
            return answer

    # In a thread, for a notebook has a loop of its own in this one.
    with ThreadPoolExecutor(1) as thread:
        try:
            found = thread.submit(asyncio.run, identity()).result()["type"]
        except Exception:  # what a server of another kind sends can end in any
            found = None
    if found != "Scheduler":
        raise InputError(
            f"no Dask scheduler answers at {address}: start one with dask scheduler, or check "
            "the address, as in tcp://10.0.0.1:8786."
        )


def write_on_cluster(
    client: Client, work: Work[Result], groups: Iterable[list[Tile]], threads: int
) -> Generator[Result]:
    """Have the workers map tiles, and give what they tell of them in whatever order it comes.

    A group is mapped by one worker; `threads` of the CPU compute a tile. A worker that dies costs
    only its tasks. Raises what a worker raises, and InputError when the scheduler or all workers
    are gone.
    """
    from distributed import KilledWorker

    from spectile.mapping.cluster.worker import TileWorker

    plugin = f"spectile-{uuid.uuid4().hex}"
    try:
        _check_versions(client)
        client.register_plugin(TileWorker(work, threads), name=plugin)
        yield from _results(client, plugin, iter(groups))
    except KilledWorker as error:
        raise InputError(
            "a tile lost one worker after another, for want of memory perhaps: allow less with "
            "--memory, and look into the workers' logs."
        ) from error
    except (CancelledError, OSError) as error:
        raise InputError(
            "the Dask scheduler or its workers don't answer any more: start them again."
        ) from error
    finally:
        # The scheduler may be gone, and then there is nothing left to tidy there.
        with suppress(Exception):
            if client.status == "running":
                client.unregister_worker_plugin(plugin)


def _check_versions(client: Client) -> None:
    """Raise InputError unless there are workers, all with the versions of this process."""

    def versions() -> dict[str, str]:  # sent whole: a worker may have no Spectile to find it in
        from importlib.metadata import version

        return {name: version(name) for name in ours}

    ours = program_versions()
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise InputError(
            "the Dask scheduler has no workers: start some, each with dask worker ADDRESS."
        ) from error
    for worker, theirs in client.run(versions, on_error="return").items():
        if theirs != ours:
            found = in_words(theirs) if isinstance(theirs, dict) else "no Spectile"
            raise InputError(
                f"the worker {worker} has {found}, this process {in_words(ours)}: "
                "install the same versions everywhere."
            )


def _results(client: Client, plugin: str, groups: Iterator[list[Tile]]) -> Generator[Any]:
    running: set[Future[Outcome]] = set()
    seen = time.monotonic()
    while True:
        if client.status != "running":
            raise ConnectionError("the scheduler is gone")
        threads = sum(client.nthreads().values())
        if threads:
            seen = time.monotonic()
        elif time.monotonic() - seen > PATIENCE:
            raise ConnectionError("the workers are gone")
        room = max(0, TASKS_A_THREAD * threads - len(running))
        running |= {_submit(client, plugin, tiles) for tiles in itertools.islice(groups, room)}
        if not running and room:
            return
        for future in _finished(running):
            try:
                written = future.result(timeout=PATIENCE)
            except TimeoutError:
                continue  # the worker that has the result has died, and another one will map it
            if isinstance(written, InputError):
                raise written
            running.remove(future)
            yield from written


def _submit(client: Client, plugin: str, tiles: list[Tile]) -> Future[Outcome]:
    from spectile.mapping.cluster.worker import PackedTile, map_tiles

    return client.submit(map_tiles, plugin, [PackedTile.of(tile) for tile in tiles], pure=False)


def _finished(running: set[Future[Outcome]]) -> set[Future[Outcome]]:
    """Those that are done, after a moment at most."""
    from distributed import wait

    if not running:
        time.sleep(POLL)
        return set()
    with suppress(TimeoutError):
        return set(wait(running, timeout=POLL, return_when="FIRST_COMPLETED").done)
    return set()
