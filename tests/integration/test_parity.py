"""Served translations against transformers' own, and int8 against float32."""

from pathlib import Path
from typing import NamedTuple

import pytest
import sacrebleu
import torch
from transformers import MarianMTModel, MarianTokenizer

from dragoman import Client, Translation
from tests.integration.conftest import CHECKPOINT, Bundles, corpus, part
from tests.integration.served import Served

ROWS = 32
"""Of a batch of transformers, each beam one. With more it takes longer, not shorter."""


class Generated(NamedTuple):
    text: str
    tokens: int
    """Without the end token."""


def generate(sources: list[str], beam_size: int) -> list[Generated]:
    """Translations by transformers in float32, with the checkpoint's own settings."""
    tokenizer = MarianTokenizer.from_pretrained(CHECKPOINT)
    model = MarianMTModel.from_pretrained(CHECKPOINT, dtype=torch.float32).eval()
    translations: dict[int, Generated] = {}
    order = sorted(range(len(sources)), key=lambda index: len(sources[index]))
    size = ROWS // beam_size
    for start in range(0, len(order), size):
        indices = order[start : start + size]
        batch = tokenizer([sources[i] for i in indices], return_tensors="pt", padding=True)
        with torch.inference_mode():
            rows = model.generate(**batch, num_beams=beam_size, do_sample=False)
        texts = tokenizer.batch_decode(rows, skip_special_tokens=True)
        for index, row, text in zip(indices, rows[:, 1:].tolist(), texts, strict=True):
            translations[index] = Generated(text, row.index(tokenizer.eos_token_id))
    return [translations[index] for index in range(len(sources))]


def translate(bundle: Path, sources: list[str], beam_size: int = 1) -> list[Translation]:
    with Served(bundle) as served, Client(served.address) as client:
        return client.translate(sources, beam_size=beam_size, segmentation="none")


@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
@pytest.mark.parametrize(
    ("name", "beam_size", "every"),
    # Of long sentences and of beams transformers makes a few a second: a part stands for the whole.
    [("tatoeba_test", 1, 1), ("flores_dev", 1, 5), ("tatoeba_test", 4, 4), ("flores_dev", 4, 10)],
)
def test_float32_is_what_transformers_generates(
    bundles: Bundles, name: str, beam_size: int, every: int
) -> None:
    sources = part(corpus(name).sources, every)
    served = translate(bundles["float32"], sources, beam_size)
    expected = generate(sources, beam_size)
    found = [Generated(each.translated_text, each.target_token_count) for each in served]
    assert [index for index in range(len(sources)) if found[index] != expected[index]] == []


@pytest.mark.parametrize("name", ["tatoeba_test", "flores_dev"])
def test_int8_keeps_bleu_within_0_3(bundles: Bundles, name: str) -> None:
    sources, references = corpus(name)
    bleu = {
        precision: sacrebleu.corpus_bleu(
            [each.translated_text for each in translate(bundle, sources)], [references]
        ).score
        for precision, bundle in bundles.items()
    }
    print(f"{name}: BLEU {bleu}")
    assert bleu["int8"] >= bleu["float32"] - 0.3
