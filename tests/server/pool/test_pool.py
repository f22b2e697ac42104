"""Models that come, go and are replaced while requests run."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from dragoman_server.errors import BundleError, DragomanError, NoRoomError, UnavailableError
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.pool.folder import Found
from dragoman_server.pool.memory import MemoryBudget
from dragoman_server.pool.pool import ModelPool
from dragoman_server.processes.messages import ModelSetup, Serve
from dragoman_server.sequence import TranslationOptions
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import FakeLoader, found, make_config, manifest

OPTIONS = TranslationOptions(8)


class FakeFrontEnd:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.prepared: list[int] = []
        self.served: list[Serve] = []
        self.error: DragomanError | None = None
        self.failures: list[dict[str, str]] = []

    async def prepare(self, setup: ModelSetup) -> None:
        if self.error is not None:
            raise self.error
        self.prepared.append(setup.number)

    async def serve(self, serve: Serve) -> None:
        self.served.append(serve)

    def tell_failures(self, failures: Mapping[str, str]) -> None:
        self.failures.append(dict(failures))


def make_loader() -> FakeLoader:
    """Of bundles that all are a model en-de."""
    contents = manifest()
    contents.name = "en-de"
    return FakeLoader(make_config(), Metrics(), contents)


@dataclass
class Bench:
    """A pool with what is around it."""

    pool: ModelPool
    loader: FakeLoader
    front_end: FakeFrontEnd

    @property
    def served(self) -> list[str]:
        """NAME@VERSION of what front ends serve, the defaults marked."""
        numbers, defaults = self.front_end.served[-1]
        names = {each.number: str(each) for each in self.pool._versions.values()}
        return sorted(names[each] + "!" * (each in defaults) for each in numbers)

    @property
    def closed(self) -> list[int]:
        """Numbers of the versions whose engines are closed."""
        return [number for number, engine in self.loader.engines.items() if engine.closed]

    async def settled(self) -> None:
        """Returns once what was replaced is gone."""
        await asyncio.gather(*self.pool._leaving.values())


def bench(*begin: Found, total: int | None = None, unloads: bool = False) -> Bench:
    loader, front_end = make_loader(), FakeFrontEnd()
    pool = ModelPool(loader, MemoryBudget(total), unloads=unloads)
    pool.begin(begin, all_must_load=True)
    pool.attach(front_end)
    return Bench(pool, loader, front_end)


async def test_a_bundle_is_served_once_everybody_is_ready_for_it() -> None:
    it = bench(found("en-de@1"))
    await it.pool.put(found("en-de@2"))
    assert it.front_end.prepared == [2]
    assert it.served == ["en-de@1", "en-de@2!"]


async def test_what_is_loaded_beside_others_has_a_thread_of_its_own() -> None:
    it = bench(found("en-de@1"))
    await it.pool.put(found("en-de@2"))
    assert it.loader.threads == [("MainThread", False), ("loading", True)]


async def test_a_label_without_a_version_is_the_default() -> None:
    it = bench(found("en-de@9"), found("en-de@10"))
    await it.pool.put(found("en-de", "en-de@9"))
    assert it.served == ["en-de@10", "en-de@9!"]
    await it.pool.drop("en-de")
    assert it.served == ["en-de@10!", "en-de@9"]
    assert list(it.loader.engines) == [1, 2]


async def test_what_is_replaced_ends_what_it_has_begun() -> None:
    it = bench(found("en-de"))
    old = it.loader.engines[1]
    (future,) = old.submit([[1, 0]], OPTIONS)
    await it.pool.put(found("en-de", stamp=2))
    assert it.front_end.served == [Serve((2,), frozenset({2}))]
    await asyncio.sleep(0)
    assert it.closed == []
    assert [load.info.version for load in it.pool.loads()] == ["1", "2"]
    old.texts[0].finish()
    await future
    await it.settled()
    assert it.closed == [1]
    assert [load.engine for load in it.pool.loads()] == [it.loader.engines[2]]
    with pytest.raises(UnavailableError, match="the model was unloaded"):
        it.pool.engine_of(1)
    assert it.loader.like[1] is not None


async def test_what_is_there_already_is_not_loaded_again() -> None:
    it = bench(found("en-de"))
    await it.pool.put(found("en-de"))
    await it.pool.put(found("current", "en-de"))
    assert list(it.loader.engines) == [1]
    await it.pool.drop("en-de")
    assert it.served == ["en-de@1!"]


@pytest.mark.parametrize("error", [BundleError("damaged"), NoRoomError("no room", needed_bytes=1)])
async def test_one_that_cannot_be_loaded_leaves_the_old_one_serving_and_says_why(
    error: DragomanError, caplog: pytest.LogCaptureFixture
) -> None:
    it = bench(found("en-de"))
    it.loader.errors["en-de"] = error
    with pytest.raises(type(error)):
        await it.pool.put(found("en-de", stamp=2))
    assert it.front_end.served == []
    assert it.pool.failures == {"en-de": str(error)}
    assert it.pool.names == ["en-de@1"]
    assert [vars(each)["reason"] for each in caplog.records] == [str(error)]
    del it.loader.errors["en-de"]
    await it.pool.put(found("en-de", stamp=3))
    assert it.pool.failures == {}
    assert it.front_end.failures == [{"en-de": str(error)}, {}]


async def test_front_ends_hear_of_nothing_that_has_not_changed() -> None:
    it = bench(found("en-de@1"))
    await it.pool.put(found("en-de@2"))
    await it.pool.drop("en-de@1")
    assert it.front_end.failures == []
    it.loader.errors["en-de@3"] = BundleError("damaged")
    with pytest.raises(BundleError):
        await it.pool.put(found("en-de@3"))
    await it.pool.drop("en-de@3")
    assert it.front_end.failures == [{"en-de@3": "damaged"}, {}]


async def test_one_that_a_front_end_cannot_serve_is_closed_again() -> None:
    it = bench(found("en-de"))
    it.front_end.error = BundleError("no tokenizer")
    with pytest.raises(BundleError):
        await it.pool.put(found("en-de", stamp=2))
    assert it.loader.engines[2].closed
    assert [load.engine for load in it.pool.loads()] == [it.loader.engines[1]]


async def test_two_directories_cannot_be_the_same_model_and_version() -> None:
    it = bench(found("en-de@1"))
    with pytest.raises(BundleError, match="other@1: en-de@1 is served already, from en-de@1"):
        await it.pool.put(found("other@1"))
    await it.pool.put(found("en-de"))
    with pytest.raises(BundleError, match="other and en-de are both model 'en-de': call"):
        await it.pool.put(found("other"))


async def test_the_first_ones_share_the_memory() -> None:
    loader = make_loader()
    pool = ModelPool(loader, MemoryBudget(120))
    pool.begin([found("a@1"), found("b@2"), found("c@3")], all_must_load=True)
    assert loader.rooms == [40, 55, 100]


async def test_one_without_room_is_refused() -> None:
    it = bench(found("en-de@1"), total=25)
    it.loader.sizes["big@2"] = 20
    with pytest.raises(NoRoomError):
        await it.pool.put(found("big@2"))
    assert it.pool.names == ["en-de@1"]


async def test_or_what_was_used_least_lately_is_unloaded_where_that_is_asked_for() -> None:
    it = bench(found("en-de@1"), found("en-de@2"), found("en-de@3"), total=35, unloads=True)
    for number, used_at in ((1, 5.0), (2, 1.0), (3, 9.0)):
        it.loader.engines[number].used_at = used_at
    it.loader.sizes["en-de@4"] = 12
    await it.pool.put(found("en-de@4"))
    assert it.served == ["en-de@1", "en-de@3", "en-de@4!"]
    assert it.loader.engines[2].closed
    assert it.pool.failures == {"en-de@2": "unloaded to make room for en-de@4"}
    assert it.front_end.failures == [it.pool.failures]


async def test_nothing_is_unloaded_for_one_that_has_never_room_beyond_what_there_is() -> None:
    it = bench(found("en-de@1"), total=35, unloads=True)
    it.loader.sizes["en-de@2"] = 1000
    with pytest.raises(NoRoomError):
        await it.pool.put(found("en-de@2"))
    assert it.pool.names == ["en-de@1"]


def test_at_the_start_all_must_load_or_those_that_can() -> None:
    loader = make_loader()
    loader.errors["b@2"] = BundleError("damaged")
    bundles = [found("a@1"), found("b@2")]
    with pytest.raises(BundleError):
        ModelPool(loader).begin(bundles, all_must_load=True)
    pool = ModelPool(loader)
    pool.begin(bundles, all_must_load=False)
    assert pool.names == ["en-de@1"]
    assert pool.failures == {"b@2": "damaged"}
    _, _, failures = pool.setup()
    assert failures == pool.failures


@pytest.mark.parametrize(
    ("change", "healthy", "stalled"),
    [
        (lambda _: None, True, False),
        (lambda engine: setattr(engine, "healthy", False), False, False),
        (lambda engine: setattr(engine, "stalled", True), True, True),
    ],
)
def test_it_is_as_well_as_its_engines(
    change: Callable[[FakeEngine], None], *, healthy: bool, stalled: bool
) -> None:
    it = bench(found("a@1"), found("b@2"))
    change(it.loader.engines[2])
    assert (it.pool.healthy, it.pool.stalled, it.pool.engine_count) == (healthy, stalled, 4)


async def test_closing_it_closes_what_only_ends_what_it_has_begun_too() -> None:
    it = bench(found("en-de"))
    (future,) = it.loader.engines[1].submit([[1, 0]], OPTIONS)
    await it.pool.put(found("en-de", stamp=2))
    await it.pool.close()
    with pytest.raises(UnavailableError):
        await future
    assert all(engine.closed for engine in it.loader.engines.values())
