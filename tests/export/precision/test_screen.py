"""Which output projections get an int8 copy, and that they compute what they did."""

import pytest
import torch

from dragoman_export.network import GROUP_SIZE, Linear, ScreenedLinear, TiedLinear, Transformer
from dragoman_export.precision.screen import SMALLEST_VOCABULARY, copy_bytes, screen
from tests.export.random_transformer import Kind, random_transformer


def unbiased(kind: Kind, vocabulary_size: int = SMALLEST_VOCABULARY) -> Transformer:
    """With nothing added to its logits."""
    model = random_transformer(kind, vocabulary_size)
    head = model.decoder.head
    assert isinstance(head, Linear | TiedLinear)
    head.bias.data.zero_()
    return model


@pytest.mark.parametrize("kind", ["plain", "relative"])  # weights of its own, and the embedding's
def test_a_large_vocabulary_is_screened(kind: Kind) -> None:
    model = unbiased(kind)
    head = model.decoder.head
    x = torch.randn(3, model.config.model_dim, generator=torch.Generator().manual_seed(0))
    expected = head(x)
    screened = screen(model, 0).decoder.head
    assert isinstance(screened, ScreenedLinear)
    assert torch.allclose(screened(x), expected, rtol=0, atol=1e-5)


def test_no_token_is_off_by_more_than_its_bound() -> None:
    model = unbiased("relative")
    weight = model.decoder.embedding.tokens.weight.t().double()
    screened = screen(model, 0).decoder.head
    assert isinstance(screened, ScreenedLinear)
    x = torch.randn(50, model.config.model_dim, generator=torch.Generator().manual_seed(0))
    scale = x.abs().amax(dim=1, keepdim=True) / 127
    rounded = torch.round(x / scale) * scale
    found = rounded.double() @ (screened.steps * screened.scale).double()
    error = (x.double() @ weight - found).abs()
    bound = x.norm(dim=1)[:, None] * screened.errors.flatten()
    bound = bound + (x - rounded).norm(dim=1)[:, None] * screened.lengths.flatten()
    assert (error <= bound).all()
    assert (error > bound / 10).any()  # and it is not a bound that says nothing


def test_a_bias_of_each_token_and_a_small_vocabulary_stay_as_they_are() -> None:
    biased = random_transformer("relative", SMALLEST_VOCABULARY)
    small = unbiased("relative", SMALLEST_VOCABULARY - GROUP_SIZE)
    for model in (biased, small):
        assert not isinstance(screen(model, 0).decoder.head, ScreenedLinear)


def test_it_is_known_beforehand_what_the_copy_takes() -> None:
    model = unbiased("plain")
    head = screen(model, 0).decoder.head
    assert isinstance(head, ScreenedLinear)
    assert copy_bytes(model.config) == head.steps.nbytes
    assert copy_bytes(unbiased("plain", SMALLEST_VOCABULARY - GROUP_SIZE).config) == 0
