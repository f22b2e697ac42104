"""Output projections with lists give what the whole ones give, as modules too."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dragoman_export.network import SUPPRESSED_BIAS, DecoderStep, Lists, TransformerConfig
from dragoman_export.network.layers import TokenEmbedding
from dragoman_export.precision.listed import listed, token_weights
from dragoman_export.precision.quantise import CalibratedInt8Linear, Int8Linear, MaskedInt8Linear

TOKENS, WIDTH, ROWS = 256, 16, 3
CONFIG = TransformerConfig(
    encoder_layers=1,
    decoder_layers=1,
    model_dim=WIDTH,
    encoder_heads=1,
    decoder_heads=1,
    encoder_hidden_dim=8,
    decoder_hidden_dim=8,
    vocabulary_size=TOKENS,
    max_positions=8,
    activation="relu",
)

RANDOM = torch.Generator().manual_seed(0)
WEIGHT, BIAS = torch.randn(WIDTH, TOKENS, generator=RANDOM), torch.randn(TOKENS, generator=RANDOM)
MASK = torch.zeros(TOKENS)
MASK[7] = SUPPRESSED_BIAS

Make = Callable[[], nn.Module]
KINDS: dict[str, Make] = {
    "calibrated": lambda: CalibratedInt8Linear(WEIGHT, BIAS, largest=2.0, zero_point=128),
    "biased": lambda: Int8Linear(WEIGHT, BIAS),
    "masked": lambda: MaskedInt8Linear(WEIGHT, MASK),
    "unbiased": lambda: MaskedInt8Linear(WEIGHT, torch.zeros(TOKENS)),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_listed_and_wanted_tokens_have_the_logits_that_they_have_of_all(make: Make) -> None:
    decoder = DecoderStep(CONFIG, TokenEmbedding(1.0, nn.Embedding(TOKENS, WIDTH), None))
    decoder.head = make()
    x = torch.randn(ROWS, WIDTH, generator=RANDOM)
    whole: Tensor = decoder.head(x)
    union, of_tokens = np.array([200, 3, 9, 150, 11]), token_weights(decoder)
    columns = torch.tensor([[1, 0, 5], [2, 4, 3], [3, 1, 5]])
    lists = Lists(
        torch.from_numpy(np.pad(of_tokens.weights[union].T, ((0, 0), (0, 1)))),
        torch.from_numpy(np.append(of_tokens.scales[union], np.float32(0))),
        torch.from_numpy(np.append(of_tokens.biases[union], np.float32(-np.inf))),
        columns,
        torch.zeros_like(columns),
        torch.tensor([2, 4]),
    )
    found, wanted = listed(decoder).head(x, lists)
    expected = torch.cat([whole[:, union], torch.full((ROWS, 1), -torch.inf)], dim=1)
    assert torch.equal(found, expected.gather(1, columns))
    assert torch.equal(wanted, whole[:, [9, 11]])
