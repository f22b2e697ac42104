from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.corpora import worker as worker_module
from dragoman.corpora.storage.inputs import Input
from dragoman.corpora.storage.shards import Cut, Shard, cut_files
from dragoman.corpora.storage.store import Store
from dragoman.corpora.worker import MOST_ATTEMPTS, NO_SHARD, Report, ShardWorker
from dragoman.errors import DeadlineExceededError, ServerError, UnavailableError
from tests.clients.corpora.stand_ins import Upper, UpperBackend, report_of, task

MakeShards = Callable[[bytes], list[Shard]]


@pytest.fixture
def shards_of(tmp_path: Path) -> MakeShards:
    def make(content: bytes) -> list[Shard]:
        path = tmp_path / "text"
        path.write_bytes(content)
        return cut_files([Input(path, path.name)], Cut(lines=2))[0].shards

    return make


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "shards").mkdir()
    return tmp_path / "shards"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "PAUSE_SECONDS", 0.0)


def test_a_batch_is_translated_saved_and_reported(directory: Path, shards_of: MakeShards) -> None:
    shards = shards_of(b"a\nb\nc\nd\ne\n")
    reports = report_of(ShardWorker(task(directory, UpperBackend())), shards)
    assert reports == [Report(0, ""), Report(1, ""), Report(2, "")]
    store = Store(directory, "job")
    assert [store.output(shard).read_bytes() for shard in shards] == [b"A\nB\n", b"C\nD\n", b"E\n"]
    accounts = [store.account(shard) for shard in shards]
    assert [account and account.tally.translated for account in accounts] == [2, 2, 1]


def test_a_shard_that_a_dead_worker_had_finished_is_not_done_again(
    directory: Path, shards_of: MakeShards
) -> None:
    shards = shards_of(b"a\nb\nc\n")
    report_of(ShardWorker(task(directory, UpperBackend())), shards[:1])
    backend = UpperBackend()
    assert report_of(ShardWorker(task(directory, backend)), shards) == [
        Report(0, ""),
        Report(1, ""),
    ]
    assert len(backend.upper.options) == 1


@pytest.mark.alone  # shards may end while a busy machine lets the job's end wait
def test_what_stops_the_job_is_reported_after_what_is_finished(
    directory: Path, shards_of: MakeShards
) -> None:
    shards = shards_of(b"a\nb\nmodel\nc\n" + b"d\n" * 20)
    reports = report_of(ShardWorker(task(directory, UpperBackend())), shards)
    assert reports == [Report(0, ""), Report(NO_SHARD, "no such model")]
    unfinished = [shard for shard in shards if Store(directory, "job").account(shard) is None]
    assert len(unfinished) > 5  # the rest of the batch was given up


def test_a_file_that_is_not_there_stops_the_job(directory: Path, shards_of: MakeShards) -> None:
    shards = shards_of(b"a\n")
    Path(shards[0].path).unlink()
    reports = report_of(ShardWorker(task(directory, UpperBackend())), shards)
    assert reports[-1].shard == NO_SHARD
    assert "No such file or directory" in reports[-1].error


@pytest.mark.parametrize("error", [UnavailableError("away"), DeadlineExceededError("silent")])
def test_a_shard_whose_server_was_away_is_translated_once_it_is_back(
    directory: Path,
    shards_of: MakeShards,
    caplog: pytest.LogCaptureFixture,
    error: UnavailableError | DeadlineExceededError,
) -> None:
    shards = shards_of(b"a\nb\n")
    backend = UpperBackend(upper=Upper(failures=[error, error]))
    worker = ShardWorker(task(directory, backend, patience=60))
    assert report_of(worker, shards) == [Report(0, "")]
    assert Store(directory, "job").output(shards[0]).read_bytes() == b"A\nB\n"
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(
    ("error", "patience"), [(UnavailableError("away"), 0.0), (ServerError("not ours"), 60.0)]
)
def test_a_server_that_stays_away_or_is_none_stops_the_job(
    directory: Path,
    shards_of: MakeShards,
    caplog: pytest.LogCaptureFixture,
    error: UnavailableError | ServerError,
    patience: float,
) -> None:
    backend = UpperBackend(upper=Upper(failures=[error]))
    worker = ShardWorker(task(directory, backend, patience=patience))
    assert report_of(worker, shards_of(b"a\nb\n")) == [Report(NO_SHARD, str(error))]
    assert caplog.messages == []


def test_a_shard_that_workers_die_of_stops_the_job(directory: Path, shards_of: MakeShards) -> None:
    shards = shards_of(b"a\n")
    for _ in range(MOST_ATTEMPTS):
        Store(directory, "job").begin(shards[0])
    reports = report_of(ShardWorker(task(directory, UpperBackend())), shards)
    assert reports[0].shard == NO_SHARD
    assert reports[0].error.endswith("lines 1 to 1: 5 workers died while they translated it")
