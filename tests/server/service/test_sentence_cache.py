"""Translations that are kept: whose, of what, how many, and what they take."""

import tracemalloc

import pytest

from dragoman.v1.translation_pb2 import Translation
from dragoman_server.monitoring import CacheUse
from dragoman_server.service.sentence_cache import ENTRY_BYTES, SentenceCache

VERSION, OTHER = object(), object()


class Told(list[CacheUse]):
    """What the cache says of itself."""

    @property
    def total(self) -> CacheUse:
        total = CacheUse("", 0, 0, 0)
        for use in self:
            total = total.plus(use)
        return total


@pytest.fixture
def told() -> Told:
    return Told()


def cache_of(capacity: int, told: Told) -> SentenceCache:
    cache = SentenceCache(capacity, told.append)
    cache.serve([VERSION])
    return cache


def keep(cache: SentenceCache, text: str, translated: str = "", caller: str = "a") -> None:
    key = cache.key(VERSION, caller, b"how", text)
    translation = Translation(translated_text=translated or text.upper())
    cache.keep("tiny", [(key, translation)], hits=0, misses=1)


def find(cache: SentenceCache, text: str) -> str | None:
    translation = cache.find(cache.key(VERSION, "a", b"how", text))
    return None if translation is None else translation.translated_text


def test_what_is_kept_is_found_by_all_of_its_key_alone(told: Told) -> None:
    cache = cache_of(10_000, told)
    keep(cache, "text")
    assert find(cache, "text") == "TEXT"
    for version, caller, how, text in (
        (OTHER, "a", b"how", "text"),
        (VERSION, "b", b"how", "text"),
        (VERSION, "a", b"ho", "text"),
        (VERSION, "a", b"ho", "wtext"),
        (VERSION, "a", b"howt", "ext"),
        (VERSION, "a", b"how", "Text"),
        (VERSION, "a", b"how", ""),
    ):
        assert cache.find(cache.key(version, caller, how, text)) is None


def test_nobody_else_can_make_its_keys(told: Told) -> None:
    one, other = cache_of(1000, told), cache_of(1000, told)
    assert one.key(VERSION, "a", b"", "text") != other.key(VERSION, "a", b"", "text")


def test_what_was_asked_for_least_lately_gives_way(told: Told) -> None:
    cache = cache_of(3 * (ENTRY_BYTES + 10), told)
    for text in "abc":
        keep(cache, text)
    assert find(cache, "a") == "A"
    keep(cache, "d")
    assert [find(cache, text) for text in "abcd"] == ["A", None, "C", "D"]
    assert told.total.evictions == 1


def test_bytes_are_bounded_and_told(told: Told) -> None:
    cache = cache_of(20_000, told)
    for number in range(500):
        keep(cache, str(number), "x" * (number % 300))
        assert cache.size <= 20_000
        assert told.total.bytes == cache.size
    assert cache.size > 19_000
    keep(cache, "large", "x" * 30_000)  # makes no room
    assert find(cache, "large") is None
    assert cache.size > 19_000
    assert find(cache, "499") is not None


def test_the_same_key_is_kept_once(told: Told) -> None:
    cache = cache_of(10_000, told)
    keep(cache, "text", "one")
    keep(cache, "text", "other")
    assert find(cache, "text") == "other"
    assert cache.size == ENTRY_BYTES + len(Translation(translated_text="other").SerializeToString())
    assert told.total.bytes == cache.size


def test_it_takes_no_more_memory_than_it_says(told: Told) -> None:
    tracemalloc.start()
    try:
        cache = cache_of(4_000_000, told)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(5000):
            keep(cache, f"text {number}", "x" * (number % 200), caller=f"caller {number % 10}")
            told.clear()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.5 * cache.size < taken <= cache.size


async def test_versions_that_are_served_no_longer_leave_nothing(told: Told) -> None:
    cache = cache_of(10_000_000, told)
    for number in range(5000):
        keep(cache, str(number))
    cache.serve([OTHER])
    await cache.drop_others()
    assert cache.size == 0
    assert told.total.bytes == 0
    keep(cache, "late")  # of a request that had begun
    assert find(cache, "late") is None
    assert cache.size == 0
