"""What Dragoman is measured beside on a GPU: transformers' `generate`, and CTranslate2.

Knows source and target tokens. Does not know what is measured.
"""

import json
from collections.abc import Callable
from typing import Any

from tests.gpu.bare import ROOT
from tests.gpu.carried import DEVICE, DIRECTORY, MAX_LENGTH

CHECKPOINT = ROOT / "export/checkpoints/marian-en-de"

Translate = Callable[[list[list[int]], int], list[list[int]]]
"""Source tokens and a beam size to target tokens."""


def transformers(batch_size: int) -> Translate:
    """`generate` in float16, sentences of like length together."""
    import torch  # noqa: PLC0415
    from transformers import GenerationConfig, MarianMTModel  # noqa: PLC0415

    dtype = torch.float16 if DEVICE == "cuda" else torch.float32
    model = MarianMTModel.from_pretrained(CHECKPOINT, dtype=dtype).eval().to(DEVICE)
    special = model.generation_config

    def generate(batch: list[list[int]], beam_size: int) -> list[list[int]]:
        longest = max(map(len, batch))
        pad, end = special.pad_token_id, special.eos_token_id
        ids = torch.tensor([[*ids, *[pad] * (longest - len(ids))] for ids in batch], device=DEVICE)
        output = model.generate(
            input_ids=ids,
            attention_mask=ids.ne(pad).long(),
            generation_config=GenerationConfig(
                num_beams=beam_size,
                max_new_tokens=MAX_LENGTH + 1,
                do_sample=False,
                pad_token_id=pad,
                eos_token_id=end,
                decoder_start_token_id=special.decoder_start_token_id,
                bad_words_ids=special.bad_words_ids,
            ),
        )
        rows = [row[1:] for row in output.tolist()]
        return [row[: row.index(end)] if end in row else row for row in rows]

    return _batched(generate, batch_size)


def ctranslate2(batch_size: int) -> Translate:
    """In float16, from a model converted beforehand to build/gpu/ctranslate2."""
    import ctranslate2 as library  # noqa: PLC0415

    path = DIRECTORY / "ctranslate2"
    translator = library.Translator(
        str(path), device=DEVICE, compute_type="float16" if DEVICE == "cuda" else "float32"
    )
    tokens: list[str] = json.loads((path / "shared_vocabulary.json").read_text("utf-8"))
    ids = {token: index for index, token in enumerate(tokens)}

    def translate(sources: list[list[int]], beam_size: int) -> list[list[int]]:
        results: Any = translator.translate_batch(
            [[tokens[index] for index in source] for source in sources],
            max_batch_size=batch_size,
            beam_size=beam_size,
            max_decoding_length=MAX_LENGTH,
            return_scores=False,
        )
        return [[ids[token] for token in result.hypotheses[0]] for result in results]

    return translate


def _batched(
    generate: Callable[[list[list[int]], int], list[list[int]]], batch_size: int
) -> Translate:
    def translate(sources: list[list[int]], beam_size: int) -> list[list[int]]:
        ordered = sorted(sources, key=len)
        targets: list[list[int]] = []
        for start in range(0, len(ordered), batch_size):
            targets += generate(ordered[start : start + batch_size], beam_size)
        return targets

    return translate
