"""Which scales are taken."""

from pathlib import Path

import pytest

from dragoman_export.drafts import Draft, choose
from dragoman_export.verify import Parity


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
        Draft(Path(), "calibrated", Parity(1, 0, 0, 1, 0.0, calibrated)),
        Draft(Path(), "per_row", Parity(1, 0, 0, 1, 0.0, per_row)),
    )

    assert choose(*drafts).activation_scales == chosen
