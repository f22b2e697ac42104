"""The checkpoint's own implementation in transformers: what the bundle is held against."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from dragoman_export.errors import CheckpointError
from dragoman_export.verification.hypothesis import Hypothesis


class ReferenceDecoder:
    """Greedy decoding with `generate`.

    Of the checkpoint's generation settings, what it must never say counts; beams, penalties, limits
    and the forced end token are preferences of a caller, not the model's opinion.
    """

    def __init__(self, checkpoint: Path, pad_id: int, end_id: int, start_id: int) -> None:
        """Loads the checkpoint in float32.

        Raises:
            CheckpointError: transformers cannot load it.
        """
        self._checkpoint = checkpoint
        self._pad_id = pad_id
        self._end_id = end_id
        with _silence(), _blaming(f"transformers cannot load {checkpoint}"):
            self._model = transformers.AutoModelForSeq2SeqLM.from_pretrained(
                checkpoint, dtype=torch.float32, local_files_only=True
            )
        self._model.eval()
        self._model.generation_config = transformers.GenerationConfig(
            bad_words_ids=self._model.generation_config.bad_words_ids or None,
            pad_token_id=pad_id,
            eos_token_id=end_id,
            decoder_start_token_id=start_id,
        )

    def decode(self, sources: Sequence[Sequence[int]], limit: int) -> list[Hypothesis]:
        """Best token after best token for each of `sources`, at most `limit` each.

        Raises:
            CheckpointError: transformers cannot.
        """
        longest = max(len(source) for source in sources)
        padding = [longest - len(source) for source in sources]
        rows = zip(sources, padding, strict=True)
        ids = torch.tensor([[*source, *[self._pad_id] * padded] for source, padded in rows])
        places = torch.arange(longest)
        inside = places[None] < torch.tensor([len(source) for source in sources])[:, None]
        watcher = _Watcher(len(sources), self._end_id)
        cannot = f"transformers cannot translate with {self._checkpoint}"
        with _silence(), torch.inference_mode(), _blaming(cannot):
            self._model.generate(
                input_ids=ids,
                attention_mask=inside.long(),
                num_beams=1,
                do_sample=False,
                max_length=limit + 1,  # counts the start token
                logits_processor=transformers.LogitsProcessorList([watcher]),
            )
        return watcher.hypotheses


class ReferenceTokenizer:
    """The checkpoint's own tokenizer in transformers."""

    def __init__(self, checkpoint: Path) -> None:
        """Loads it.

        Raises:
            CheckpointError: transformers cannot load it.
        """
        self._checkpoint = checkpoint
        with _silence(), _blaming(f"transformers cannot load {checkpoint}"):
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(
                checkpoint, local_files_only=True
            )

    def encode(self, text: str) -> list[int]:
        """Source token ids, the end token included; a special token in the text is text.

        Raises:
            CheckpointError: transformers cannot.
        """
        with _blaming(f"the tokenizer of {self._checkpoint} fails at {text!r}"):
            token_ids: list[int] = self._tokenizer(text, split_special_tokens=True)["input_ids"]
        return token_ids


class _Watcher(transformers.LogitsProcessor):  # type: ignore[misc] # transformers is untyped
    """Notes the best token of every step from the scores that `generate` chooses by."""

    def __init__(self, rows: int, end_id: int) -> None:
        self.hypotheses = [Hypothesis() for _ in range(rows)]
        self._unfinished = set(range(rows))
        self._end_id = end_id

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002 - its signature
        values, ids = scores.log_softmax(dim=1).topk(2, dim=1)
        margins = values[:, 0] - values[:, 1]
        for row in sorted(self._unfinished):
            token_id = int(ids[row, 0])
            self.hypotheses[row].add(token_id, float(values[row, 0]), float(margins[row]))
            if token_id == self._end_id:
                self._unfinished.remove(row)
        return scores


@contextmanager
def _blaming(what: str) -> Iterator[None]:
    """Settings that we do not look at may make any library of transformers raise anything.

    Raises:
        CheckpointError: `what`, and what was raised, on one line.
    """
    try:
        yield
    except Exception as error:
        raise CheckpointError(f"{what}: {' '.join(str(error).split())}") from error


@contextmanager
def _silence() -> Iterator[None]:
    """Keeps transformers' remarks and progress bars from the user."""
    logging: Any = transformers.utils.logging
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()
