"""Finished shards put together: the translated files, and the account of the whole job.

Knows what must add up, and says where it does not.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from dragoman.commands.durable import durable_file, write_durably
from dragoman.corpora.errors import JobError
from dragoman.corpora.storage.accounts import Account, Tally
from dragoman.corpora.storage.shards import CutFile, Shard
from dragoman.corpora.storage.store import Store


def assemble(files: list[CutFile], store: Store, output: Path, job: Path) -> Tally:
    """Writes the translated files into `output`, and to `job` what is said of them.

    That is `account.jsonl`, `problems.jsonl` and `warnings.jsonl`. Each of them is there whole or
    not at all.

    Raises:
        JobError: A shard is not finished, or its lines do not add up.
    """
    total = Tally()
    with (
        durable_file(job / "account.jsonl") as accounts,
        durable_file(job / "problems.jsonl") as problems,
        durable_file(job / "warnings.jsonl") as warnings,
    ):
        for file in files:
            with durable_file(output / file.name) as translated:
                tally = Tally()
                for shard in file.shards:
                    account = _add(shard, store, translated)
                    tally = tally.plus(account.tally)
                    _write(accounts, _of_shard(file, shard, account))
                    for problem in account.problems:
                        _write(problems, {"file": file.name} | problem._asdict())
                    for warned in account.warnings:
                        _write(warnings, {"file": file.name} | warned._asdict())
            _check(file.name, tally, file.lines)
            _write(accounts, {"file": file.name} | dataclasses.asdict(tally))
            total = total.plus(tally)
        _check("all files together", total, sum(file.lines for file in files))
        _write(accounts, {"total": dataclasses.asdict(total)})
    write_durably(job / "total.json", json.dumps(dataclasses.asdict(total)).encode() + b"\n")
    return total


def _add(shard: Shard, store: Store, translated: BinaryIO) -> Account:
    """Appends a shard's output and returns its account."""
    account = store.account(shard)
    if account is None:
        raise JobError(f"{shard}: there is no translation with an account that fits it")
    content = store.output(shard).read_bytes()
    if hashlib.sha256(content).hexdigest() != account.output_sha256:
        raise JobError(f"{shard}: their translation was changed while it was read")
    _check(str(shard), account.tally, shard.lines)
    if (written := content.count(b"\n")) != shard.lines:
        raise JobError(f"{shard}: {written} lines were written for {shard.lines}")
    translated.write(content)
    return account


def _check(what: str, tally: Tally, lines: int) -> None:
    if tally.lines != lines or not tally.adds_up:
        raise JobError(f"{what}: {lines} lines do not add up with {tally}")


def _of_shard(file: CutFile, shard: Shard, account: Account) -> dict[str, object]:
    where = {"file": file.name, "shard": shard.number, "first_line": shard.first_line}
    how = {"worker": account.worker, "seconds": account.seconds}
    return where | dataclasses.asdict(account.tally) | how


def _write(stream: BinaryIO, entry: Mapping[str, object]) -> None:
    stream.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
