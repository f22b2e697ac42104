"""Replicas on loopback addresses behind one name, and callers that translate without a pause.

Knows how to start and stop replicas as Kubernetes does, and how many calls each answered. Does not
know what is expected of them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from dragoman import AsyncClient
from tests.integration.names import Names
from tests.integration.served import Served, free_port


class Replicas:
    """Servers on 127.0.0.2 and following, one port for all.

    Args:
        names: Told of each that starts or leaves.
        settings: Of all of them.
    """

    def __init__(self, bundle: Path, names: Names, settings: dict[str, object]) -> None:
        self._bundle = bundle
        self._names = names
        self._settings = settings
        self.port = free_port("127.0.0.2")
        self.servers: dict[str, Served] = {}

    @property
    def target(self) -> str:
        """For a client."""
        return self._names.target(self.port)

    def add(self) -> str:
        """Starts a replica, then tells its address to those who ask for the name."""
        address = f"127.0.0.{len(self.servers) + 2}"
        server = Served(
            self._bundle, host=address, port=self.port, engines=1, provider="cpu", **self._settings
        )
        self.servers[address] = server.__enter__()
        self._names.addresses.append(address)
        return address

    def drain(self, address: str) -> int:
        """Forgets a replica's address, lets it drain, and returns its exit code."""
        self._names.addresses.remove(address)
        server = self.servers[address]
        server.terminate()
        return server.wait()

    def kill(self, address: str) -> None:
        """Ends a replica by SIGKILL; its address stays known, as nobody was told."""
        server = self.servers[address]
        server.process.kill()
        server.wait()

    def answered(self) -> dict[str, float]:
        """Calls that each replica has answered with OK; 0 for one that is gone."""
        return {address: _answered(server) for address, server in self.servers.items()}

    def close(self) -> None:
        """Stops all of them."""
        for server in self.servers.values():
            if server.process.poll() is None:
                server.terminate()
                server.wait()


@contextmanager
def replicas(bundle: Path, count: int, **settings: object) -> Iterator[Replicas]:
    """Yields running replicas behind a name."""
    with Names() as names:
        group = Replicas(bundle, names, settings)
        try:
            for _ in range(count):
                group.add()
            yield group
        finally:
            group.close()


class Callers:
    """Translate one text after the other through one client; each failure is kept."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._stopped = False
        self.failures: list[Exception] = []
        self.calls = 0

    async def run(self, number: int) -> None:
        """One caller's life."""
        while not self._stopped:
            try:
                await self._client.translate(f"line {number}")
            except Exception as failure:  # noqa: BLE001  whatever it is, the test looks at it
                self.failures.append(failure)
            self.calls += 1

    def stop(self) -> None:
        """Lets each caller end with its call."""
        self._stopped = True


@asynccontextmanager
async def calling(target: str, count: int) -> AsyncIterator[Callers]:
    """Yields callers that are at it."""
    async with AsyncClient(target, timeout=60) as client:
        callers = Callers(client)
        tasks = [asyncio.create_task(callers.run(number)) for number in range(count)]
        try:
            yield callers
        finally:
            callers.stop()
            await asyncio.gather(*tasks)


async def shares(group: Replicas, seconds: float) -> dict[str, float]:
    """Returns which part of the calls of some seconds each replica answered.

    Of each by the time between the two looks at it: they come one after the other, and on a busy
    machine not at once.
    """
    before = await asyncio.to_thread(_looks, group)
    await asyncio.sleep(seconds)
    after = await asyncio.to_thread(_looks, group)
    rates = {
        address: (answered - before[address][1]) / (at - before[address][0])
        for address, (at, answered) in after.items()
    }
    return {address: rate / sum(rates.values()) for address, rate in rates.items()}


def _looks(group: Replicas) -> dict[str, tuple[float, float]]:
    """When each replica was looked at, and what it had answered."""
    return {
        address: (time.monotonic(), answered)
        for address, server in group.servers.items()
        for answered in (_answered(server),)
    }


def _answered(server: Served) -> float:
    return 0.0 if server.process.poll() is not None else server.metric("requests_total", code="OK")
