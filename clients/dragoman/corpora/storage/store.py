"""The translated shards on the disk: each an output file and, beside it, its account.

The output is written first. So a shard is finished where its account is there and says of the
output what it is; whatever else a dead worker left is translated again, and takes its place.
Does not know how anything is translated.
"""

import hashlib
from pathlib import Path

from dragoman.commands.durable import sweep, write_durably
from dragoman.corpora.storage.accounts import Account
from dragoman.corpora.storage.shards import Shard

ATTEMPTS = ".attempts"


class Store:
    """A directory of shards of one job. Many processes may share it.

    Args:
        directory: Where they are; it exists.
        job: Digest of the job: shards of another one are not finished here.
    """

    def __init__(self, directory: Path, job: str) -> None:
        self.job = job
        self._directory = directory

    @property
    def is_begun(self) -> bool:
        """Whether any shard, of whatever job, was finished here."""
        return any(self._directory.glob("*.json"))

    def output(self, shard: Shard) -> Path:
        """Returns where the translated lines are."""
        return self._directory / f"{shard.number:08d}.txt"

    def account(self, shard: Shard) -> Account | None:
        """Returns the account of a shard that is finished; None where it is not."""
        try:
            account = Account.from_json(self._account(shard).read_bytes())
            content = self.output(shard).read_bytes()
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None
        whole = hashlib.sha256(content).hexdigest() == account.output_sha256
        return account if whole and account.job == self.job else None

    def save(self, shard: Shard, output: bytes, account: Account) -> None:
        """Makes a shard finished."""
        write_durably(self.output(shard), output)
        write_durably(self._account(shard), account.to_json())
        self._attempts(shard).unlink(missing_ok=True)

    def begin(self, shard: Shard) -> int:
        """Notes that a shard is begun, and returns how often it was without being finished."""
        with self._attempts(shard).open("ab") as attempts:
            attempts.write(b".")
            return attempts.tell() - 1

    def clear(self) -> None:
        """Removes what dead workers left. Only for a job of which no worker runs."""
        sweep(self._directory)
        for attempts in self._directory.glob(f"*{ATTEMPTS}"):
            attempts.unlink(missing_ok=True)

    def _account(self, shard: Shard) -> Path:
        return self._directory / f"{shard.number:08d}.json"

    def _attempts(self, shard: Shard) -> Path:
        return self._directory / f"{shard.number:08d}{ATTEMPTS}"
