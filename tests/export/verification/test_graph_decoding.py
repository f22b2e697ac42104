"""Graphs are held against what was said by the steps that a server takes."""

from pathlib import Path

import pytest

from dragoman_export.errors import VerificationError
from dragoman_export.families import import_model
from dragoman_export.graphs import CPU, write_graphs
from dragoman_export.graphs.trace import trace
from dragoman_export.model import Prompt
from dragoman_export.network import Linear, ScreenedLinear, Transformer
from dragoman_export.precision.screen import SMALLEST_VOCABULARY, screen
from dragoman_export.verification import EagerDecoder, GraphDecoder, Parity, measure, require_same
from dragoman_export.verification.verify import Said
from tests.export.random_transformer import random_transformer

PROMPTS = [Prompt([5, 9, 4, 0]), Prompt([20, 21, 22, 23, 0])]
LIMIT = 8


def screened() -> tuple[Transformer, ScreenedLinear]:
    """A model with random weights, and its output projection."""
    transformer = random_transformer("plain", SMALLEST_VOCABULARY)
    head = transformer.decoder.head
    assert isinstance(head, Linear)
    head.bias.data.zero_()
    screened_head = screen(transformer, 0).decoder.head
    assert isinstance(screened_head, ScreenedLinear)
    return transformer, screened_head


def verified(checkpoint: Path, transformer: Transformer, directory: Path) -> Parity:
    """Holds a model's graphs against the model; the checkpoint says what its tokens are."""
    model = import_model(checkpoint).with_transformer(transformer)
    said = list(map(Said, PROMPTS, EagerDecoder(model).decode(PROMPTS, LIMIT)))
    write_graphs(trace(transformer, CPU, with_attention=False), directory)
    return measure(GraphDecoder(directory, model, is_screened=True), said, LIMIT, lambda _: None)


def test_a_screen_that_finds_the_best_tokens_is_verified(checkpoint: Path, tmp_path: Path) -> None:
    transformer, _ = screened()
    require_same(verified(checkpoint, transformer, tmp_path))


def test_a_screen_that_finds_others_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    transformer, head = screened()
    head.steps[:, ::2] = 0  # it takes half of the tokens for impossible, and is sure of it
    for bound in (head.errors, head.lengths, head.group_errors, head.group_lengths):
        bound.zero_()
    parity = verified(checkpoint, transformer, tmp_path)
    assert parity.different_count == len(PROMPTS)
    with pytest.raises(VerificationError, match="sentences differ"):
        require_same(parity)
