"""Accounts that do not add up are found, and it is said where."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from dragoman.corpora.errors import JobError
from dragoman.corpora.storage.accounts import Account, Tally
from dragoman.corpora.storage.assemble import assemble
from dragoman.corpora.storage.inputs import Input
from dragoman.corpora.storage.shards import Cut, CutFile, cut_files
from dragoman.corpora.storage.store import Store

Accounts = tuple[list[bytes], list[Tally]]
"""Outputs of the shards, and what is said of them."""


@pytest.fixture
def files(tmp_path: Path) -> list[CutFile]:
    (tmp_path / "text").write_bytes(b"a\nb\nc\n")
    return cut_files([Input(tmp_path / "text", "text")], Cut(lines=2))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "shards").mkdir()
    return Store(tmp_path / "shards", "job")


def save(store: Store, files: list[CutFile], outputs: list[bytes], tallies: list[Tally]) -> None:
    for shard, output, tally in zip(files[0].shards, outputs, tallies, strict=True):
        digest = hashlib.sha256(output).hexdigest()
        store.save(shard, output, Account("job", shard.number, tally, (), digest, "host:1", 1.0))


GOOD = [b"A\nB\n", b"C\n"]
TALLIES = [Tally(2, translated=2), Tally(1, empty=1)]


def test_what_adds_up_is_put_together(tmp_path: Path, files: list[CutFile], store: Store) -> None:
    save(store, files, GOOD, TALLIES)
    total = assemble(files, store, tmp_path, tmp_path)
    assert total == Tally(3, translated=2, empty=1)
    assert (tmp_path / "text").read_bytes() == b"A\nB\nC\n"


@pytest.mark.parametrize(
    ("accounts", "message"),
    [
        (([b"A\nB\n", b""], TALLIES), "text lines 3 to 3: 0 lines were written for 1"),
        (([b"A\nB\nC\n", b"C\n"], TALLIES), "text lines 1 to 2: 3 lines were written for 2"),
        ((GOOD, [Tally(2, translated=1), TALLIES[1]]), "lines 1 to 2: 2 lines do not add up"),
        ((GOOD, [TALLIES[0], Tally(2, empty=2)]), "lines 3 to 3: 1 lines do not add up"),
    ],
)
def test_what_does_not_add_up_is_named_and_nothing_is_put_in_place(
    tmp_path: Path, files: list[CutFile], store: Store, accounts: Accounts, message: str
) -> None:
    outputs, tallies = accounts
    before = (tmp_path / "text").read_bytes()
    save(store, files, outputs, tallies)
    with pytest.raises(JobError, match=message):
        assemble(files, store, tmp_path, tmp_path)
    assert (tmp_path / "text").read_bytes() == before
    assert not (tmp_path / "account.jsonl").exists()


def test_a_file_whose_shards_are_not_all_of_it_is_named(
    tmp_path: Path, files: list[CutFile], store: Store
) -> None:
    save(store, files, GOOD, TALLIES)
    more = [files[0]._replace(lines=4)]
    with pytest.raises(JobError, match="text: 4 lines do not add up"):
        assemble(more, store, tmp_path, tmp_path)


def test_tallies_add_field_by_field() -> None:
    both = Tally(5, 1, 2, 1, 1, {"A": 2}).plus(Tally(3, 1, 0, 1, 1, {"A": 1, "B": 1}))
    assert dataclasses.astuple(both) == (8, 2, 2, 2, 2, {"A": 3, "B": 1})
    assert both.adds_up
