"""The canonical Transformer, run eagerly, against transformers' own Marian."""

from pathlib import Path

import pytest
import torch
import transformers

from dragoman_export.checkpoints.checkpoint import read_checkpoint
from dragoman_export.families.marian import import_marian
from dragoman_export.families.positions import sinusoids
from dragoman_export.network import Transformer
from dragoman_export.network.layers import Cache, LayerCache, Step
from dragoman_export.verification.graph_decoding import packed

SOURCES = [[5, 9, 4, 0], [7, 0], [20, 21, 22, 23, 24, 25, 0]]
TARGETS = torch.tensor([[3, 8, 13, 4], [40, 2, 6, 6], [11, 12, 3, 30]])


@pytest.mark.parametrize("which", ["checkpoint", "swish_checkpoint", "narrow_checkpoint"])
def test_logits_equal_those_of_transformers(which: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(which)
    model = import_marian(read_checkpoint(path))

    found = eager_logits(model.transformer, SOURCES, TARGETS)

    expected = reference_logits(path, SOURCES, TARGETS)
    kept = [i for i in range(expected.shape[2]) if i not in model.suppressed_ids]
    torch.testing.assert_close(found[:, :, kept], expected[:, :, kept], atol=2e-4, rtol=1e-4)


def test_suppressed_and_padding_ids_have_no_probability(checkpoint: Path) -> None:
    model = import_marian(read_checkpoint(checkpoint))

    probabilities = eager_logits(model.transformer, SOURCES, TARGETS).softmax(dim=2)

    assert model.suppressed_ids
    assert probabilities[:, :, list(model.suppressed_ids)].eq(0).all()
    assert probabilities[:, :, model.transformer.config.vocabulary_size :].eq(0).all()


@pytest.mark.parametrize(("positions", "dim"), [(64, 32), (512, 256)])
def test_position_table_equals_that_of_transformers(positions: int, dim: int) -> None:
    module = transformers.models.marian.modeling_marian
    embedding = module.MarianSinusoidalPositionalEmbedding(positions, dim)

    assert torch.equal(sinusoids(positions, dim), embedding.create_weight())


def reference_logits(
    path: Path, sources: list[list[int]], targets: torch.Tensor
) -> torch.Tensor:  # (rows, target, vocab)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(path, dtype=torch.float32).eval()
    longest = max(map(len, sources))
    ids = torch.tensor([[*source, *[0] * (longest - len(source))] for source in sources])
    lengths = torch.tensor([len(source) for source in sources])
    mask = (torch.arange(longest)[None] < lengths[:, None]).long()
    with torch.inference_mode():
        output = model(input_ids=ids, attention_mask=mask, decoder_input_ids=targets)
    logits: torch.Tensor = output.logits
    return logits


def eager_logits(
    transformer: Transformer, sources: list[list[int]], targets: torch.Tensor
) -> torch.Tensor:  # (rows, target, padded vocab)
    inputs = {name: torch.from_numpy(array) for name, array in packed(sources).items()}
    key_value = transformer.encoder(**inputs)
    caches = empty_caches(
        transformer, len(sources), target=targets.shape[1], source=max(map(len, sources))
    )
    start = 0
    for row, source in enumerate(sources):
        span = slice(start, start + len(source))
        for layer, cache in enumerate(caches):
            cache.cross_key[row, :, : len(source)] = key_value[2 * layer, :, span]
            cache.cross_value[row, :, : len(source)] = key_value[2 * layer + 1, :, span]
        start += len(source)
    target_capacity, source_capacity = caches[0].capacities()
    steps = []
    for position in range(targets.shape[1]):
        positions = torch.full((len(sources),), position, dtype=torch.int32)
        step = Step(positions, inputs["source_last"], target_capacity, source_capacity)
        logits, caches = transformer.decoder.logits(targets[:, position], step, caches)
        steps.append(logits)
    return torch.stack(steps, dim=1)


def empty_caches(transformer: Transformer, rows: int, *, target: int, source: int) -> list[Cache]:
    config = transformer.config
    heads, head_dim = config.decoder_heads, config.decoder_head_dim

    def cache(capacity: int) -> torch.Tensor:
        return torch.zeros(rows, heads, capacity, head_dim)

    return [
        LayerCache(cache(target), cache(target), cache(source), cache(source))
        for _ in range(config.decoder_layers)
    ]
