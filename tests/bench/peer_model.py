"""CTranslate2 as the peer's server runs it: a batch of token ids in, target token ids out.

Knows ctranslate2. Does not know where batches come from.
"""

import ctypes
import json
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.peer_search import Search, Text
from tests.bench.systems import Precision
from tests.bench.vocabulary import END, UNKNOWN

sys.modules["torch"] = None  # type: ignore[assignment]  # it would be imported and counted as memory

import ctranslate2  # noqa: E402

Ends = Callable[[ctranslate2.GenerationStepResult], bool]


class PeerModel:
    """A loaded model; `workers` threads may call it at once, each batch has `threads` threads."""

    def __init__(self, path: Path, *, workers: int, threads: int, precision: Precision) -> None:
        self._translator = ctranslate2.Translator(
            str(path),
            device="cpu",
            inter_threads=workers,
            intra_threads=threads,
            compute_type=precision,
        )
        self._tokens: list[str] = json.loads((path / "shared_vocabulary.json").read_text("utf-8"))
        self._ids = {token: index for index, token in enumerate(self._tokens)}
        self._keep_thread_states(workers)

    def translate(self, texts: Sequence[Text], search: Search) -> list[list[int]]:
        """Returns each text's target tokens, without the end token; one batch, whatever its size.

        Where lengths are forced and the search is greedy, each text leaves the batch at its own
        length. CTranslate2 has no such way for beams: they go on to the longest, and are cut.
        """
        if search.lengths is not None:
            return self._decode(texts, search.beam_size, *search.lengths)
        lengths = [text.length for text in texts]
        longest = max(lengths)
        is_cut = search.beam_size == 1 and min(lengths) < longest
        targets = self._decode(
            texts, search.beam_size, longest, longest, _ends(lengths) if is_cut else None
        )
        return [target[:length] for target, length in zip(targets, lengths, strict=True)]

    def close(self) -> None:
        """Ends CTranslate2's threads.

        One that still holds a callback while the interpreter shuts down would abort the process.
        """
        del self._translator

    def _decode(
        self,
        texts: Sequence[Text],
        beam_size: int,
        min_length: int,
        max_length: int,
        ends: Ends | None = None,
    ) -> list[list[int]]:
        tokens, ids = self._tokens, self._ids
        results = self._translator.translate_batch(
            [[tokens[index] for index in text.source_ids] for text in texts],
            max_batch_size=0,
            max_input_length=0,
            beam_size=beam_size,
            min_decoding_length=min_length,
            max_decoding_length=max_length,
            callback=ends,
        )
        return [[ids[token] for token in result.hypotheses[0]] for result in results]

    def _keep_thread_states(self, workers: int) -> None:
        """Lets CTranslate2's threads keep what the interpreter knows of them.

        A callback on a thread that Python has not started otherwise makes a thread state and frees
        it, for every token.
        """
        all_of_them = threading.Barrier(workers)

        def keep(_: ctranslate2.GenerationStepResult) -> bool:
            ctypes.pythonapi.PyGILState_Ensure()
            all_of_them.wait()
            return True

        running = [
            self._translator.translate_batch(
                [[UNKNOWN, END]], beam_size=1, callback=keep, asynchronous=True
            )
            for _ in range(workers)
        ]
        for (future,) in running:
            future.result()


def _ends(lengths: Sequence[int]) -> Ends:
    """Returns what CTranslate2 asks after each token: whether it is its text's last."""
    last_steps = [length - 1 for length in lengths]

    def ends(token: ctranslate2.GenerationStepResult) -> bool:
        return bool(token.step >= last_steps[token.batch_id])

    return ends
