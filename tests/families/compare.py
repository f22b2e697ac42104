"""What a bundle says beside what the checkpoint's own library says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers

from dragoman.v1.translation_pb2 import DecodingOptions, StreamTranslateTextRequest, Translation
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator


class Said(NamedTuple):
    text: str
    tokens: int
    """Without the end token."""


def generated(
    checkpoint: Path, texts: Sequence[str], beam_size: int, settings: Mapping[str, Any]
) -> list[Said]:
    """Translations by transformers in float32, with the checkpoint's own settings but for these."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(
        checkpoint, dtype=torch.float32, **settings
    )
    batch = tokenizer(list(texts), return_tensors="pt", padding=True)
    with torch.inference_mode():
        rows = model.eval().generate(**batch, num_beams=beam_size, do_sample=False)
    said = tokenizer.batch_decode(
        rows, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    end_id = model.generation_config.eos_token_id
    return [
        Said(text, row.index(end_id)) for text, row in zip(said, rows[:, 1:].tolist(), strict=True)
    ]


def translated(bundle: Path, texts: Sequence[str], beam_sizes: Sequence[int]) -> list[Translation]:
    """Translations of all texts at once, each with the beam of its turn."""
    requests = [
        StreamTranslateTextRequest(
            id=str(index),
            content=text,
            options=DecodingOptions(beam_size=beam_sizes[index % len(beam_sizes)]),
        )
        for index, text in enumerate(texts)
    ]
    with LocalTranslator.open(Config(bundle=bundle, engines=1)) as translator:
        outcomes = list(translator.translate_stream(requests))
    for outcome in outcomes:
        if not isinstance(outcome, Translation):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Translation)]


def said(translation: Translation) -> Said:
    return Said(translation.translated_text, translation.target_token_count)
