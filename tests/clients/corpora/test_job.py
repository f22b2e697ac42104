"""A job from beginning to end, its workers in this process: what is done once stays done."""

import dataclasses
import fcntl
import json
from pathlib import Path

import pytest

from dragoman.corpora.errors import JobError
from dragoman.corpora.storage.accounts import Tally
from dragoman.corpora.storage.inputs import find_inputs
from dragoman.options import Options
from tests.clients.corpora.stand_ins import UpperBackend, Workers, job_of

CONTENT = b"\xef\xbb\xbfa\r\n\nbad\nlong\n\xff\nb\xe2\x80\xa8c\nd"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def entries(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_line_has_its_line_and_its_place_in_the_accounts(source: Path, output: Path) -> None:
    total = job_of(source, output).run(Workers())
    assert total == Tally(7, translated=3, empty=1, cut=1, failed=2)
    assert (output / "text").read_bytes().decode() == "A\n\n\nLONG\n\nB\u2028C\nD\n"
    *shards, file, everything = entries(output / "_job/account.jsonl")
    assert [shard["first_line"] for shard in shards] == [1, 3, 5, 7]
    assert [shard["lines"] for shard in shards] == [2, 2, 2, 1]
    assert file == {"file": "text"} | dataclasses.asdict(total)
    assert everything == {"total": dataclasses.asdict(total)}
    assert entries(output / "_job/total.json") == [dataclasses.asdict(total)]
    problems = entries(output / "_job/problems.jsonl")
    assert [(entry["file"], entry["line"], entry["outcome"]) for entry in problems] == [
        ("text", 3, "failed"),
        ("text", 4, "cut"),
        ("text", 5, "failed"),
    ]


def test_several_files_of_any_length(tmp_path: Path, output: Path) -> None:
    contents = {"one": b"", "two": b"a\n" * 5, "three": b"b"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    inputs = find_inputs([str(tmp_path / name) for name in contents], output)
    total = job_of(tmp_path / "one", output)._replace(inputs=inputs).run(Workers())
    assert total == Tally(6, translated=6)
    assert (output / "one").read_bytes() == b""
    assert (output / "two").read_bytes() == b"A\n" * 5
    assert (output / "three").read_bytes() == b"B\n"


def test_a_job_goes_on_where_it_was(source: Path, output: Path) -> None:
    job = job_of(source, output)
    with pytest.raises(KeyboardInterrupt):
        job.run(Workers(most=2))
    assert not (output / "text").exists()
    rest = Workers()
    assert job.run(rest).lines == 7
    assert rest.told == [2, 3]
    again = Workers()
    assert job.run(again).lines == 7
    assert again.told == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("00000001.txt", None),
        ("00000001.json", None),
        ("00000001.txt", b"half"),
        ("00000001.json", b"{"),
    ],
)
def test_a_shard_that_lost_a_file_is_translated_again(
    source: Path, output: Path, name: str, content: bytes | None
) -> None:
    job = job_of(source, output)
    job.run(Workers())
    expected = (output / "text").read_bytes()
    damaged = output / "_job/shards" / name
    damaged.unlink() if content is None else damaged.write_bytes(content)
    workers = Workers()
    job.run(workers)
    assert workers.told == [1]
    assert (output / "text").read_bytes() == expected


def test_another_job_in_the_same_directory_is_refused(source: Path, output: Path) -> None:
    job_of(source, output).run(Workers())
    options = Options(beam_size=4)
    other = job_of(source, output, lines=3, backend=UpperBackend("int8"), options=options)
    with pytest.raises(JobError) as caught:
        other.run(Workers())
    assert str(caught.value) == (
        f'{output} holds translations of another job: model.precision was "float32" and is '
        '"int8"; options.beam_size was null and is 4; shards.lines was 2 and is 3. '
        "Give another --output, or delete that directory"
    )


def test_changed_missing_and_new_inputs_are_refused(source: Path, output: Path) -> None:
    job = job_of(source, output)
    job.run(Workers())
    source.write_bytes(b"x" + CONTENT[1:])
    with pytest.raises(JobError, match=r"inputs\.text\.sha256 was .* and is "):
        job.run(Workers())
    other = source.with_name("other")
    source.rename(other)
    with pytest.raises(JobError, match=r"inputs\.other is new; inputs\.text is missing"):
        job_of(other, output).run(Workers())


def test_options_may_change_while_nothing_is_finished(source: Path, output: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        job_of(source, output, options=Options(beam_size=99)).run(Workers(most=0))
    assert job_of(source, output).run(Workers()).lines == 7


def test_what_stops_the_job_is_said_and_what_is_finished_stays(source: Path, output: Path) -> None:
    source.write_bytes(b"a\nb\nmodel\n")
    with pytest.raises(JobError, match="no such model"):
        job_of(source, output).run(Workers())
    assert not (output / "text").exists()
    assert (output / "_job/shards/00000000.json").exists()


def test_two_runs_do_not_work_in_one_directory(source: Path, output: Path) -> None:
    (output / "_job").mkdir(parents=True)
    with (output / "_job/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(JobError, match="another run is at work in"):
            job_of(source, output).run(Workers())
    assert job_of(source, output).run(Workers()).lines == 7


def test_a_worker_that_reports_what_it_did_not_do_is_found_out(source: Path, output: Path) -> None:
    job = job_of(source, output)
    with pytest.raises(KeyboardInterrupt):
        job.run(Workers(most=1))
    with pytest.raises(JobError, match="lines 3 to 4: there is no translation with an account"):
        job.run(lambda _shards, _task: (_ for _ in ()))
