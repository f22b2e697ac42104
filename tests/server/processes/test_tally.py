import asyncio

from dragoman_server.monitoring import CacheUse, CallerEnded, Ended, GuardUse, Report, Shortage
from dragoman_server.processes.tally import Tally

REFUSED = Ended("RESOURCE_EXHAUSTED", failure="REJECTED", refusal="WOULD_EXPIRE")


async def test_what_is_counted_is_told_together() -> None:
    told: asyncio.Queue[Report] = asyncio.Queue()
    tally = Tally(told.put_nowait)

    for _ in range(1000):
        tally.record(REFUSED)
    tally.record(Ended("OK", seconds=0.25))
    times = {"OK": 0, "RESOURCE_EXHAUSTED": 0}
    messages = 0
    while times != {"OK": 1, "RESOURCE_EXHAUSTED": 1000}:
        ended = await asyncio.wait_for(told.get(), 60)
        assert isinstance(ended, Ended)
        times[ended.code] += ended.times
        messages += 1
    assert messages == 2
    assert told.empty()


async def test_what_is_left_is_told_at_the_end() -> None:
    told: list[Report] = []
    tally = Tally(told.append)
    tally.record(REFUSED)
    tally.record(REFUSED)
    tally.record(Shortage(1.0, 2))
    tally.record(Shortage(1.0, 2))
    tally.flush()
    assert told == [REFUSED._replace(times=2), Shortage(1.0, 2), Shortage(1.0, 2)]


async def test_what_callers_had_is_added_up_for_each() -> None:
    told: list[Report] = []
    tally = Tally(told.append)
    acme = CallerEnded("acme", "bulk", "OK", texts=2, code_points=30, target_tokens=9)
    tally.record(acme)
    tally.record(acme)
    tally.record(acme._replace(texts=1, code_points=4, target_tokens=1))
    tally.record(acme._replace(priority="interactive"))
    tally.record(acme._replace(caller="other"))
    tally.record(CallerEnded("acme", "bulk", "RESOURCE_EXHAUSTED", "RATE_LIMITED"))
    tally.flush()
    assert told == [
        acme._replace(times=3, texts=5, code_points=64, target_tokens=19),
        acme._replace(priority="interactive"),
        acme._replace(caller="other"),
        CallerEnded("acme", "bulk", "RESOURCE_EXHAUSTED", "RATE_LIMITED"),
    ]


async def test_what_caches_did_is_added_up_for_each_model() -> None:
    told: list[Report] = []
    tally = Tally(told.append)
    for _ in range(3):
        tally.record(CacheUse("en-de", 2, 1, 0, 100))
    tally.record(CacheUse("en-de", 0, 1, 1, -40))
    tally.record(CacheUse("en-fr", 1, 0, 0))
    tally.flush()
    assert told == [CacheUse("en-de", 6, 4, 1, 260), CacheUse("en-fr", 1, 0, 0)]


async def test_faults_of_a_kind_are_told_together() -> None:
    told: list[Report] = []
    tally = Tally(told.append)
    for _ in range(3):
        tally.record(GuardUse("en-de", "REPETITION", is_mended=True))
    tally.record(GuardUse("en-de", "REPETITION", is_mended=False))
    tally.flush()
    assert told == [
        GuardUse("en-de", "REPETITION", is_mended=True, times=3),
        GuardUse("en-de", "REPETITION", is_mended=False),
    ]
