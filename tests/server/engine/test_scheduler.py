from dragoman_server.engine.scheduler import DecodeBatch, EncodeBatch, Scheduler
from dragoman_server.engine.waiting_queue import WaitingQueue
from tests.server.engine.fakes import sequence


def scheduler(queue: WaitingQueue, *, rows: int = 4, tokens: int = 10) -> Scheduler:
    return Scheduler(queue, engine=0, max_batch_size=rows, max_encode_tokens=tokens)


def queue_of(*lengths: int) -> WaitingQueue:
    queue = WaitingQueue(max_queue_size=99, engines=1)
    queue.put([sequence([number] * length) for number, length in enumerate(lengths)])
    return queue


def test_nothing_to_do() -> None:
    assert scheduler(queue_of()).schedule(0, 0.0) == (None, [])


def test_admits_then_decodes() -> None:
    subject = scheduler(queue_of(3, 3))
    batch = subject.schedule(0, 0.0).batch
    assert isinstance(batch, EncodeBatch)
    assert len(batch.sequences) == 2
    assert subject.schedule(2, 0.0).batch == DecodeBatch(2)


def test_running_sentences_wait_for_one_encoder_run_at_most() -> None:
    subject = scheduler(queue_of(*[8] * 4))
    kinds = [type(subject.schedule(running, 0.0).batch) for running in (0, 1, 1, 2, 2, 3)]
    assert kinds == [EncodeBatch, DecodeBatch] * 3


def test_newcomers_need_not_wait_when_all_rows_were_freed() -> None:
    subject = scheduler(queue_of(8, 8))
    assert isinstance(subject.schedule(0, 0.0).batch, EncodeBatch)
    assert isinstance(subject.schedule(0, 0.0).batch, EncodeBatch)


def test_full_rows_only_decode() -> None:
    subject = scheduler(queue_of(1), rows=2)
    assert subject.schedule(2, 0.0).batch == DecodeBatch(2)


def test_what_expired_is_not_admitted() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=1)
    expired, other = sequence([1], deadline=5.0), sequence([2], deadline=5.1)
    queue.put([expired, other])
    decision = scheduler(queue).schedule(0, 5.0)
    assert decision == (EncodeBatch([other]), [expired])


def test_running_rows_go_on_where_all_that_waits_has_expired() -> None:
    queue = WaitingQueue(max_queue_size=99, engines=1)
    expired = sequence([1], deadline=5.0)
    queue.put([expired])
    assert scheduler(queue).schedule(2, 6.0) == (DecodeBatch(2), [expired])
