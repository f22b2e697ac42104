"""Operations are files, that every process finds, and that say what was lost with one."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dragoman_server.errors import NotFoundError, PreconditionError

operations = pytest.importorskip("dragoman_server.interfaces.google.operations")

PARENT = "projects/acme/locations/here"
Empty = pytest.importorskip("google.protobuf.empty_pb2").Empty


def of(root: Path, owner: str = "acme") -> Any:
    return operations.Operations(root, owner)


def test_an_operation_that_is_held_goes_on_and_one_that_nobody_holds_is_lost(
    tmp_path: Path,
) -> None:
    operation = operations.new_operation(PARENT, Empty())
    held = of(tmp_path).begin(operation)
    assert not of(tmp_path).find(operation.name).done
    held.let_go()
    for _ in range(2):
        found = of(tmp_path).find(operation.name)
        assert found.done
        assert found.error.code == 10
        assert "the server's process that worked on it has ended" in found.error.message


DIES = """
import os, sys
from pathlib import Path
from dragoman_server.interfaces.google.operations import Operation, Operations

Operations(Path(sys.argv[1]), "acme").begin(Operation(name=sys.argv[2]))
os._exit(1)
"""


def test_what_a_process_worked_on_is_lost_when_it_dies(tmp_path: Path) -> None:
    name = f"{PARENT}/operations/{'a' * 32}"
    subprocess.run([sys.executable, "-c", DIES, tmp_path, name], check=False)
    assert of(tmp_path).find(name).error.code == 10


def test_one_that_was_done_before_its_lock_went_is_not_lost(tmp_path: Path) -> None:
    operation = operations.new_operation(PARENT, Empty())
    held = of(tmp_path).begin(operation)
    operation.done = True
    operation.response.Pack(Empty())
    held.tell(operation)
    held.let_go()
    assert of(tmp_path).find(operation.name) == operation


def test_an_operation_is_its_callers_and_of_its_location(tmp_path: Path) -> None:
    operation = operations.finished(PARENT, Empty(), Empty())
    of(tmp_path).keep(operation)
    assert list(of(tmp_path).each(PARENT)) == [operation]
    for others, name in (
        (of(tmp_path, "other"), operation.name),
        (of(tmp_path), operation.name.replace("acme", "other")),
    ):
        with pytest.raises(NotFoundError):
            others.find(name)
    assert not list(of(tmp_path, "other").each(PARENT))
    assert not list(of(tmp_path).each("projects/other/locations/here"))


def test_one_that_goes_while_others_are_listed_or_kept_is_missed_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [operations.finished(PARENT, Empty(), Empty()) for _ in range(3)]
    for each in made:
        of(tmp_path).keep(each)
    listing = of(tmp_path).each(PARENT)
    first = next(listing)
    gone, left = sorted((each for each in made if each != first), key=lambda each: each.name)
    of(tmp_path).delete(gone.name)
    assert list(listing) == [left]
    monkeypatch.setattr(operations, "KEPT_SECONDS", -1)
    read = operations._read

    def read_late(path: Path) -> Any:
        operation = read(path)
        for other in path.parent.glob("*"):
            if other.name != path.name:
                other.unlink()  # as another process that drops what is old
        return operation

    monkeypatch.setattr(operations, "_read", read_late)
    of(tmp_path).keep(operations.finished(PARENT, Empty(), Empty()))


def test_what_is_asked_to_end_is_told_to_whoever_works_on_it(tmp_path: Path) -> None:
    operation = operations.new_operation(PARENT, Empty())
    held = of(tmp_path).begin(operation)
    assert not held.is_cancelled
    with pytest.raises(PreconditionError):
        of(tmp_path).delete(operation.name)
    of(tmp_path).cancel(operation.name)
    assert held.is_cancelled
    held.let_go()
    of(tmp_path).delete(operation.name)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_old_ones_that_are_done_are_kept_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, running = (operations.new_operation(PARENT, Empty()) for _ in range(2))
    old.done = True
    of(tmp_path).keep(old)
    held = of(tmp_path).begin(running)
    monkeypatch.setattr(operations, "KEPT_SECONDS", -1)
    new = operations.finished(PARENT, Empty(), Empty())
    of(tmp_path).keep(new)
    assert {each.name for each in of(tmp_path).each(PARENT)} == {running.name, new.name}
    held.let_go()
