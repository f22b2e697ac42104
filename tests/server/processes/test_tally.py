import asyncio

from dragoman_server.monitoring import Ended, Report, Shortage
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
        ended = await asyncio.wait_for(told.get(), 10)
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
