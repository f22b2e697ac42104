"""`generate` of transformers, whatever computes the logits."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import GenerationConfig
from transformers.utils import logging

from tests.bench.batches import batches
from tests.bench.systems import Setting


class Generate:
    """Batches are sorted by length and run one after the other.

    Args:
        model: Has `generate`.
        setting: How it is used.
    """

    def __init__(self, model: Any, setting: Setting) -> None:
        torch.set_num_threads(setting.workers * setting.threads)
        logging.set_verbosity_error()
        self._setting = setting
        self._model = model
        self._special: GenerationConfig = model.generation_config
        self._special.max_length = None  # each call says how long
        self._special.num_beams = setting.beam_size  # it would replace a call's 1
        self.steps = 0

    def translate(
        self, sources: list[list[int]], forced_lengths: list[int] | None
    ) -> list[list[int]]:
        """See System. A batch of forced lengths is decoded to its longest, all of it returned."""
        targets: list[list[int]] = [[] for _ in sources]
        lengths = forced_lengths or [len(source) for source in sources]
        for batch in batches(lengths, self._setting.batch_size):
            length = forced_lengths[batch[0]] if forced_lengths else None
            output = self._generate([sources[index] for index in batch], length)
            self.steps += output.shape[1] - 1  # the start token takes none
            for index, row in zip(batch, output.tolist(), strict=True):
                targets[index] = row[1:-1] if length else self._trim(row[1:])
        return targets

    def _generate(self, sources: list[list[int]], length: int | None) -> Tensor:
        pad = self._special.pad_token_id
        ids = pad_sequence([torch.tensor(s) for s in sources], True, padding_value=pad)
        output: Tensor = self._model.generate(
            input_ids=ids,
            attention_mask=ids.ne(pad).long(),
            generation_config=GenerationConfig(
                num_beams=self._setting.beam_size,
                max_new_tokens=length or self._setting.max_length + 1,
                min_new_tokens=length - 1 if length else None,
                do_sample=False,
                pad_token_id=pad,
                eos_token_id=self._special.eos_token_id,
                decoder_start_token_id=self._special.decoder_start_token_id,
                bad_words_ids=self._special.bad_words_ids,
            ),
        )
        return output

    def _trim(self, row: list[int]) -> list[int]:
        end = self._special.eos_token_id
        return row[: row.index(end)] if end in row else row
