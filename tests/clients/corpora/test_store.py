"""Whatever a worker leaves when it dies: a shard is finished, or it is not, and never by half."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from dragoman.commands.durable import durable_file
from dragoman.corpora.storage.accounts import Account, Problem, Tally
from dragoman.corpora.storage.shards import Shard
from dragoman.corpora.storage.store import Store

SHARD = Shard(7, "text", 0, 4, 1, 2, 0)
OUTPUT = b"A\n\n"
ACCOUNT = Account(
    job="job",
    shard=7,
    tally=Tally(2, translated=1, failed=1),
    problems=(Problem(2, "failed", "is not valid"),),
    output_sha256=hashlib.sha256(OUTPUT).hexdigest(),
    worker="host:1",
    seconds=0.5,
)


class MachineDiedError(Exception):
    """At this moment."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, "job")


def test_a_saved_shard_is_finished(store: Store) -> None:
    assert store.account(SHARD) is None
    store.save(SHARD, OUTPUT, ACCOUNT)
    assert store.account(SHARD) == ACCOUNT
    assert store.output(SHARD).read_bytes() == OUTPUT


def test_a_shard_that_is_saved_twice_is_there_once(store: Store, tmp_path: Path) -> None:
    store.save(SHARD, OUTPUT, ACCOUNT)
    store.save(SHARD, OUTPUT, dataclasses.replace(ACCOUNT, worker="host:2"))
    account = store.account(SHARD)
    assert account is not None
    assert account.worker == "host:2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000007.json", "00000007.txt"]


@pytest.mark.parametrize("missing", ["00000007.json", "00000007.txt"])
def test_half_of_a_pair_is_not_finished(store: Store, tmp_path: Path, missing: str) -> None:
    store.save(SHARD, OUTPUT, ACCOUNT)
    (tmp_path / missing).unlink()
    assert store.account(SHARD) is None


@pytest.mark.parametrize("name", ["00000007.json", "00000007.txt"])
@pytest.mark.parametrize("content", [b"", b"{", b"A\n", b"[]", b'{"tally": {}}', b'{"job": 1}'])
def test_a_damaged_file_is_not_finished(
    store: Store, tmp_path: Path, name: str, content: bytes
) -> None:
    store.save(SHARD, OUTPUT, ACCOUNT)
    (tmp_path / name).write_bytes(content)
    assert store.account(SHARD) is None


def test_a_shard_of_another_job_is_not_finished(store: Store, tmp_path: Path) -> None:
    store.save(SHARD, OUTPUT, ACCOUNT)
    assert Store(tmp_path, "another").account(SHARD) is None


def test_a_writer_that_dies_leaves_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def write_half() -> None:
        with durable_file(path) as file:
            file.write(b"half")
            raise MachineDiedError

    with pytest.raises(MachineDiedError):
        write_half()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_dying_between_output_and_account_leaves_the_shard_unfinished(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_account: Account) -> bytes:
        raise MachineDiedError

    monkeypatch.setattr(Account, "to_json", die)
    with pytest.raises(MachineDiedError):
        store.save(SHARD, OUTPUT, ACCOUNT)
    assert store.output(SHARD).read_bytes() == OUTPUT
    assert store.account(SHARD) is None


def test_what_was_being_written_is_swept_and_what_is_finished_stays(
    store: Store, tmp_path: Path
) -> None:
    store.begin(SHARD)
    store.save(SHARD, OUTPUT, ACCOUNT)
    store.begin(SHARD._replace(number=8))
    (tmp_path / "00000008.txt.host.1.2.tmp").write_bytes(b"half")
    store.clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000007.json", "00000007.txt"]


def test_attempts_are_counted_until_the_shard_is_finished(store: Store) -> None:
    assert [store.begin(SHARD) for _ in range(3)] == [0, 1, 2]
    store.save(SHARD, OUTPUT, ACCOUNT)
    assert store.begin(SHARD) == 0
