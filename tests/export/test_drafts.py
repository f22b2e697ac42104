"""Which scales are taken."""

from pathlib import Path

import pytest

from dragoman_export.drafts import Draft, choose
from dragoman_export.network.config import TransformerConfig
from dragoman_export.verification.verify import Parity

CONFIG = TransformerConfig(
    encoder_layers=1,
    decoder_layers=1,
    model_dim=8,
    encoder_heads=2,
    decoder_heads=2,
    encoder_hidden_dim=8,
    decoder_hidden_dim=8,
    vocabulary_size=128,
    max_positions=8,
    activation="relu",
)


@pytest.mark.parametrize(
    ("calibrated", "per_row", "chosen"),
    [
        (0.03, 0.02, "calibrated"),
        (0.01, 0.02, "calibrated"),
        (0.05, 0.02, "per_row"),
        (0.009, 0.001, "calibrated"),  # neither is worth a word
        (float("nan"), 0.02, "per_row"),
    ],
)
def test_calibrated_scales_may_cost_one_bit_of_precision(
    calibrated: float, per_row: float, chosen: str
) -> None:
    drafts = (
        Draft(Path(), CONFIG, "calibrated", Parity(1, 0, 0, 1, 0.0, calibrated)),
        Draft(Path(), CONFIG, "per_row", Parity(1, 0, 0, 1, 0.0, per_row)),
    )

    assert choose(*drafts).activation_scales == chosen
