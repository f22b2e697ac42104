import pytest

from dragoman.load import measure as measuring
from dragoman.load.answers import OK, REFUSED, WRONG, Answer
from dragoman.load.loadgen import LoadTest, Sample, Verdict
from dragoman.load.result import Effort, Run
from dragoman.load.scrape import Reading

TEST = LoadTest("server", 10.0, 4, rate=2.0, bound_seconds=0.25)


def measure(
    test: LoadTest, verdict: Verdict, answers: list[Answer], readings: list[Reading]
) -> Run:
    return measuring.measure(test, verdict, answers, readings, client_cores=0.25)


def verdict(*samples: Sample, valid: bool = True) -> Verdict:
    return Verdict(valid, [] if valid else ["min duration"], None, "summary", list(samples))


def too_few(*samples: Sample, fewest: int) -> Verdict:
    return Verdict(False, ["early stopping"], fewest, "summary", list(samples))


def test_latencies_are_those_of_what_was_translated() -> None:
    samples = [Sample(0, 0.0, 0.1), Sample(1, 0.5, 0.4), Sample(2, 1.5, 0.001)]
    refusal = Answer(3, REFUSED, 0.002, 0, "the queue is full")
    answers = [Answer(1, OK, 0.09, 5), Answer(2, OK, 0.39, 7), refusal]
    run = measure(TEST, verdict(*samples), answers, [])
    assert run.requests == 3
    assert run.outcomes == {OK: 2, REFUSED: 1}
    assert run.seconds == pytest.approx(1.501)
    assert run.completed_rate == pytest.approx(2 / 1.501)
    assert run.goodput == pytest.approx(1 / 1.501)
    assert run.target_tokens_per_second == pytest.approx(12 / 1.501)
    assert run.latency_ms["50"] == pytest.approx(400)
    assert run.curve_ms[0] == pytest.approx(100)
    assert len(run.curve_ms) == 201
    assert run.refusal_ms["50"] == pytest.approx(2)
    assert not run.valid
    assert run.reasons == ["1 of 3 requests ended with RESOURCE_EXHAUSTED: the queue is full"]


def test_a_wrong_answer_makes_a_run_invalid_that_loadgen_likes() -> None:
    answers = [Answer(1, OK, 0.1, 1), Answer(2, WRONG, 0.1, 1)]
    run = measure(TEST, verdict(Sample(0, 0.0, 0.1), Sample(1, 1.0, 0.1)), answers, [])
    assert not run.valid
    assert run.reasons == ["1 of 2 answers were wrong"]


def test_loadgens_reasons_are_kept() -> None:
    run = measure(TEST, verdict(Sample(0, 0.0, 9.0), valid=False), [Answer(1, OK, 9.0, 1)], [])
    assert not run.valid
    assert run.reasons == ["LoadGen: min duration not satisfied"]


def test_of_each_kind_of_failure_the_first_is_told() -> None:
    samples = [Sample(0, number / 10, 0.1) for number in range(4)]
    answers = [
        Answer(1, OK, 0.1, 1),
        Answer(2, "NOT_FOUND", 0.1, 0, "no model translates into fr"),
        Answer(3, "NOT_FOUND", 0.1, 0, "something else"),
        Answer(4, WRONG, 0.1, 1, "expected 'A', came 'B'"),
    ]
    run = measure(TEST, verdict(*samples), answers, [])
    assert run.problems == {
        "NOT_FOUND": "no model translates into fr",
        "WRONG": "expected 'A', came 'B'",
    }
    assert run.reasons == [
        "2 of 4 requests ended with NOT_FOUND: no model translates into fr",
        "1 of 4 answers were wrong: expected 'A', came 'B'",
    ]


@pytest.mark.parametrize("late", [0, 2])
def test_where_too_few_requests_are_all_that_is_wrong_a_duration_is_named(late: int) -> None:
    samples = [Sample(0, 0.5 * number, 0.1 + (number < late)) for number in range(100)]
    answers = [Answer(number, OK, 0.1, 1) for number in range(100)]
    run = measure(TEST, too_few(*samples, fewest=152), answers, [])
    enough = {0: 152, 2: 1575}[late]
    assert run.enough_requests == enough
    assert run.reasons == [
        (
            "LoadGen: 100 requests are too few to be sure; at this latency about "
            f"{enough:,} are enough: --duration {-(-enough * 11 // 20)}"
        )
    ]


def test_a_run_with_failures_is_broken_however_few_its_requests() -> None:
    samples = [Sample(0, 0.5 * number, 0.1) for number in range(4)]
    answers = [Answer(number, OK if number else REFUSED, 0.1, 1) for number in range(4)]
    assert measure(TEST, too_few(*samples, fewest=152), answers, []).enough_requests is None


def test_texts_that_are_all_done_too_soon_are_told_with_the_rate_that_would_do() -> None:
    test = LoadTest("offline", 10.0, 4, rate=2.0)
    samples = [Sample(0, 0.0, 4.0) for _ in range(22)]
    answers = [Answer(number, OK, 0.1, 1) for number in range(22)]
    assert measure(test, verdict(*samples, valid=False), answers, []).reasons == [
        "LoadGen: all was done after 4 of 10 s; more is due at once with --target-qps 6"
    ]


def test_no_more_is_answered_than_was_offered() -> None:
    """LoadGen's arrivals are random: of 2 a second asked for it may send 2.5."""
    samples = [Sample(0, 0.4 * number, 0.1) for number in range(26)]
    run = measure(TEST, verdict(*samples), [Answer(n, OK, 0.1, 1) for n in range(26)], [])
    assert run.target_rate == 2.0
    assert run.offered_rate == pytest.approx(2.6)
    assert run.completed_rate == pytest.approx(26 / 10.1)
    assert run.completed_rate < 2.6


def test_a_run_without_any_translation_has_no_latencies() -> None:
    run = measure(TEST, verdict(Sample(0, 0.0, 0.1)), [Answer(1, "UNAVAILABLE", 0.1, 0)], [])
    assert run.latency_ms == {}
    assert run.curve_ms == []
    assert run.completed_rate == 0


def test_seconds_are_told_apart_with_what_the_metrics_say_of_them() -> None:
    samples = [Sample(0, 0.2, 0.1), Sample(1, 1.2, 0.2), Sample(2, 1.9, 0.8)]
    answers = [Answer(number, OK, 0.1, 1) for number in range(3)]
    readings = [
        _reading(50.0, rows=0.0, steps=0, waiting=0),
        _reading(51.0, rows=40.0, steps=10, waiting=3),
        _reading(52.0, rows=100.0, steps=20, waiting=5),
        _reading(53.0, rows=100.0, steps=20, waiting=0),
    ]
    run = measure(TEST, verdict(*samples), answers, readings)
    assert [moment.answered for moment in run.timeline] == [1, 1, 1]
    assert [moment.waiting for moment in run.timeline] == [3, 5, 0]
    assert [moment.rows_per_step for moment in run.timeline] == [4.0, 6.0, None]
    assert run.timeline[1].p50_ms == pytest.approx(200)


def test_stages_are_means_and_the_rest_is_what_the_client_saw_beyond_them() -> None:
    before = Reading(0.0, _stage_values(count=10, queue=1.0, encode=1.0, decode=1.0))
    after = Reading(9.0, _stage_values(count=12, queue=1.02, encode=1.04, decode=1.2))
    samples = [Sample(0, 0.0, 0.2), Sample(1, 1.0, 0.3)]
    answers = [Answer(1, OK, 0.2, 1), Answer(2, OK, 0.3, 1)]
    stages = measure(TEST, verdict(*samples), answers, [before, after]).stages
    assert stages is not None
    assert stages.queue_ms == pytest.approx(10)
    assert stages.encode_ms == pytest.approx(20)
    assert stages.decode_ms == pytest.approx(100)
    assert stages.rest_ms == pytest.approx(120)


@pytest.mark.parametrize(
    ("last", "lengths", "answered"),
    [(3.02, [1, 1, 1.02], [2, 2, 3]), (3.6, [1, 1, 1, 0.6], [2, 2, 2, 1]), (0.2, [0.2], [1])],
)
def test_what_is_left_over_of_a_second_is_no_drop_at_the_end(
    last: float, lengths: list[float], answered: list[int]
) -> None:
    ends = [at for at in (0.3, 0.8, 1.3, 1.8, 2.3, 2.8) if at < last] + [last]
    samples = [Sample(0, end - 0.1, 0.1) for end in ends]
    timeline = measure(
        TEST, verdict(*samples), [Answer(n, OK, 0.1, 1) for n in range(len(ends))], []
    ).timeline
    assert [moment.seconds for moment in timeline] == pytest.approx(lengths)
    assert [moment.answered for moment in timeline] == answered
    assert timeline[-1].second == pytest.approx(last)


def test_what_client_and_server_took_of_the_processors_is_told() -> None:
    readings = [
        Reading(50.0, {"process_cpu_seconds_total": 7.0, "engines": 2.0}),
        Reading(60.0, {"process_cpu_seconds_total": 22.0, "engines": 2.0}),
    ]
    answers = [Answer(1, OK, 0.1, 1)]
    assert measure(TEST, verdict(Sample(0, 0.0, 0.1)), answers, readings).effort == Effort(
        0.25, 1.5, 2
    )
    assert measure(TEST, verdict(Sample(0, 0.0, 0.1)), answers, []).effort == Effort(0.25)


def test_without_metrics_there_are_no_stages() -> None:
    run = measure(TEST, verdict(Sample(0, 0.0, 0.1)), [Answer(1, OK, 0.1, 1)], [])
    assert run.stages is None
    assert run.timeline[0].waiting is None


def _reading(at: float, *, rows: float, steps: int, waiting: float) -> Reading:
    values = {"batch_rows_sum": rows, "batch_rows_count": float(steps)}
    return Reading(at, values | {"requests_waiting": waiting, "requests_running": 1.0})


def _stage_values(*, count: float, **sums: float) -> dict[str, float]:
    values = {"requests_total": count}
    for stage, total in sums.items():
        values[f"request_{stage}_seconds_sum"] = total
        values[f"request_{stage}_seconds_count"] = count
    return values
