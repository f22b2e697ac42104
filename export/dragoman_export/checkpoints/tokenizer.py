"""The tokenizer of a checkpoint, as the server will have it.

Knows files and what a bundle says of them. Does not know which tokens steer a model.
"""

import os
import shutil
import tempfile
import weakref
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dragoman.tokenizer import Span, open_tokenizer, read_ids
from dragoman.v1.bundle_pb2 import SpecialTokens, TokenizerFiles
from dragoman_export.errors import CheckpointError

MOST_PROBES = 2000
"""Texts beside those to verify on whose tokens are compared."""


def read_vocabulary(checkpoint: Path, name: str, *needed: str) -> dict[str, int]:
    """Pieces and their ids.

    Raises:
        CheckpointError: It, or another file of the tokenizer that is `needed`, is missing, or it is
            no JSON object of ids.
    """
    missing = [file for file in (*needed, name) if not (checkpoint / file).is_file()]
    if missing:
        raise CheckpointError(f"checkpoint {checkpoint} lacks {', '.join(dict.fromkeys(missing))}")
    try:
        return read_ids(checkpoint / name)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {checkpoint / name}: {error}") from error


class CheckpointTokenizer:
    """The server's tokenizer, of a checkpoint's files or of what was made of them."""

    def __init__(
        self,
        contents: Mapping[str, Path | str | bytes],
        files: TokenizerFiles,
        special: SpecialTokens,
        *,
        control_names: Collection[str] = (),
        probes: Sequence[str] = (),
    ) -> None:
        """Loads it.

        Args:
            contents: By the names that the files will have: where they are, or what is in them.
            files: What a bundle will say of the tokenizer, but for its directory.
            special: Ids with a meaning of their own.
            control_names: What is text in a text, though the vocabulary has a token of that name.
            probes: Texts that show where tokenizers differ.

        Raises:
            CheckpointError: A file is no tokenizer's.
        """
        self.control_names = frozenset(control_names)
        self.probes = list(probes)[:MOST_PROBES]
        self._files = files
        self._directory = directory = Path(tempfile.mkdtemp(prefix="dragoman-tokenizer-"))
        weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        for name, content in contents.items():
            if isinstance(content, Path):
                (directory / name).symlink_to(os.path.realpath(content))
            else:
                data = content if isinstance(content, bytes) else content.encode()
                (directory / name).write_bytes(data)
        try:
            self._tokenizer = open_tokenizer(directory, files, special)
        except (OSError, RuntimeError, ValueError) as error:
            told = str(error).replace(f"{directory}/", "")
            paths = [str(path) for path in contents.values() if isinstance(path, Path)]
            raise CheckpointError(
                f"{' or '.join(paths) or 'the tokenizer'} is no {files.kind} file: {told}"
            ) from error

    def encode(self, text: str) -> list[int]:
        """See dragoman.tokenizer.Tokenizer."""
        return self._tokenizer.encode(text)

    def encode_target(self, text: str) -> list[int]:
        """See dragoman.tokenizer.Tokenizer."""
        return self._tokenizer.encode_target(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        """See dragoman.tokenizer.Tokenizer."""
        return self._tokenizer.decode(token_ids)

    def source_spans(self, text: str) -> list[Span]:
        """See dragoman.tokenizer.Tokenizer."""
        return self._tokenizer.source_spans(text)

    def target_spans(self, token_ids: Sequence[int]) -> list[Span]:
        """See dragoman.tokenizer.Tokenizer."""
        return self._tokenizer.target_spans(token_ids)

    def save(self, directory: Path) -> None:
        """Copies the files into a new `directory`."""
        directory.mkdir()
        for path in self._directory.iterdir():
            shutil.copyfile(path, directory / path.name)

    def describe(self, directory: str) -> TokenizerFiles:
        """What a bundle says of the files that were saved into its `directory`."""
        files = TokenizerFiles()
        files.CopyFrom(self._files)
        for field in (
            "source_model_path",
            "target_model_path",
            "vocabulary_path",
            "target_vocabulary_path",
        ):
            if name := getattr(files, field):
                setattr(files, field, f"{directory}/{name}")
        return files
