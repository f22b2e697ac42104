import math

from tests.bench.peer_queue import BatchQueue, Job, Part


def job(items: str, options: str = "greedy", arrived_at: float = 0.0) -> Job[str, str]:
    return Job(items, options, arrived_at)


def queue(size: int = 4, delay: float = 1.0) -> BatchQueue[Job[str, str]]:
    return BatchQueue(max_batch_size=size, max_delay_seconds=delay)


def texts(batch: list[Part[Job[str, str]]]) -> str:
    return "".join("".join(part.job.items[part.start : part.stop]) for part in batch)


def test_items_leave_in_the_order_in_which_they_came() -> None:
    waiting = queue()
    for items in ("ab", "c", "defghi"):
        waiting.put(job(items))
    assert [texts(waiting.take(now=0)) for _ in range(3)] == ["abcd", "efgh", ""]
    assert len(waiting) == 1
    assert texts(waiting.take(now=1)) == "i"
    assert len(waiting) == 0


def test_a_batch_that_is_not_full_is_due_when_its_oldest_item_has_waited_enough() -> None:
    waiting = queue()
    assert waiting.due_at() == math.inf
    waiting.put(job("a", arrived_at=5.0))
    waiting.put(job("b", arrived_at=5.5))
    assert waiting.due_at() == 6.0
    assert texts(waiting.take(now=5.9)) == ""
    assert texts(waiting.take(now=6.0)) == "ab"


def test_a_full_batch_is_due_at_once() -> None:
    waiting = queue()
    waiting.put(job("abc"))
    waiting.put(job("d"))
    assert waiting.due_at() == -math.inf
    assert texts(waiting.take(now=0)) == "abcd"


def test_without_a_delay_whatever_waits_is_due() -> None:
    waiting = queue(delay=0)
    waiting.put(job("a", arrived_at=5.0))
    assert texts(waiting.take(now=5.0)) == "a"


def test_options_are_never_mixed_and_the_oldest_due_goes_first() -> None:
    waiting = queue(size=2)
    waiting.put(job("a", "beam", arrived_at=0.0))
    waiting.put(job("bc", "greedy", arrived_at=0.5))
    waiting.put(job("d", "beam", arrived_at=0.6))
    waiting.put(job("e", "greedy", arrived_at=0.7))
    assert [texts(waiting.take(now=0.7)) for _ in range(3)] == ["ad", "bc", ""]
    assert texts(waiting.take(now=1.7)) == "e"


def test_a_full_batch_does_not_wait_for_an_older_one_that_is_not() -> None:
    waiting = queue(size=2)
    waiting.put(job("a", "beam", arrived_at=0.0))
    waiting.put(job("bc", "greedy", arrived_at=0.5))
    assert texts(waiting.take(now=0.5)) == "bc"
    assert waiting.due_at() == 1.0


def test_what_is_removed_neither_leaves_nor_counts() -> None:
    waiting = queue()
    gone, begun = job("ab"), job("cdefg")
    waiting.put(gone)
    waiting.put(job("h"))
    waiting.remove(gone)
    waiting.remove(gone)
    assert len(waiting) == 1
    waiting.put(begun)
    assert texts(waiting.take(now=0)) == "hcde"
    waiting.remove(begun)
    assert waiting.due_at() == math.inf
    assert texts(waiting.take(now=9)) == ""
