"""CTranslate2, in the way of its documentation that gives it the most throughput."""

import json
import sys

from tests.bench.batches import batches, token_batches
from tests.bench.systems import Setting

sys.modules["torch"] = None  # type: ignore[assignment]  # it would be imported and counted as memory

import ctranslate2  # noqa: E402


class CTranslate2:
    """Batches are sorted by length and run side by side by `workers` workers."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._translator = ctranslate2.Translator(
            str(setting.model),
            device="cpu",
            inter_threads=setting.workers,
            intra_threads=setting.threads,
            compute_type=setting.precision,
        )
        vocabulary = (setting.model / "shared_vocabulary.json").read_text("utf-8")
        self._tokens: list[str] = json.loads(vocabulary)
        self._ids = {token: index for index, token in enumerate(self._tokens)}
        self.steps = 0  # as its batches make them: each goes on until its longest target ends

    def translate(
        self, sources: list[list[int]], forced_lengths: list[int] | None
    ) -> list[list[int]]:
        """See System. A batch of forced lengths is decoded to its longest, all of it returned."""
        pieces = [[self._tokens[index] for index in source] for source in sources]
        size = self._setting.batch_size
        if forced_lengths is None:
            targets = self._free(pieces)
            together = self._batches([len(source) for source in sources])
        else:
            equal = len(set(forced_lengths)) == 1  # else each batch needs one length
            together = (
                self._batches([*map(len, sources)]) if equal else batches(forced_lengths, size)
            )
            targets = self._forced(pieces, together, forced_lengths)
        self.steps += sum(max(len(targets[index]) for index in batch) + 1 for batch in together)
        return targets

    def _batches(self, lengths: list[int]) -> list[list[int]]:
        """Those that the library makes of sources of such lengths."""
        tokens = self._setting.batch_tokens
        if tokens:
            return token_batches(lengths, tokens)
        return batches(lengths, self._setting.batch_size)

    def _free(self, pieces: list[list[str]]) -> list[list[int]]:
        results = self._translator.translate_batch(
            pieces,
            max_batch_size=self._setting.batch_tokens or self._setting.batch_size,
            batch_type="tokens" if self._setting.batch_tokens else "examples",
            beam_size=self._setting.beam_size,
            max_decoding_length=self._setting.max_length,
            return_scores=False,
        )
        return [self._target_ids(result) for result in results]

    def _forced(
        self, pieces: list[list[str]], together: list[list[int]], forced_lengths: list[int]
    ) -> list[list[int]]:
        targets: list[list[int]] = [[] for _ in pieces]
        running = [
            (batch, self._start(pieces, batch, forced_lengths[batch[0]])) for batch in together
        ]
        for batch, futures in running:
            for index, future in zip(batch, futures, strict=True):
                targets[index] = self._target_ids(future.result())[:-1]
        return targets

    def _start(
        self, pieces: list[list[str]], batch: list[int], length: int
    ) -> list[ctranslate2.AsyncTranslationResult]:
        futures: list[ctranslate2.AsyncTranslationResult] = self._translator.translate_batch(
            [pieces[index] for index in batch],
            max_batch_size=len(batch),
            beam_size=self._setting.beam_size,
            min_decoding_length=length,
            max_decoding_length=length,
            return_scores=False,
            asynchronous=True,
        )
        return futures

    def _target_ids(self, result: ctranslate2.TranslationResult) -> list[int]:
        return [self._ids[token] for token in result.hypotheses[0]]
