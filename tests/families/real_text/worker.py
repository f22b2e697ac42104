"""One process of several that measure models: what it imports and is told."""

import warnings

import torch

from tests.families.real_text.measure import Measured, measure
from tests.families.real_text.models import models
from tests.families.real_text.texts import RealTexts


def prepare() -> None:
    """Layers are small: more threads would only wait for each other."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def measured(index: int, texts: RealTexts) -> Measured:
    """What comes of the model at `index`: models themselves do not go from process to process."""
    return measure(models()[index], texts)
