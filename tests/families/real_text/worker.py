"""One process of several that measure models: what it imports and is told."""

import traceback
import warnings
from typing import Any

import torch
import transformers

from tests.families.real_text.counts import Measured
from tests.families.real_text.measure import measure
from tests.families.real_text.models import models
from tests.families.real_text.texts import RealTexts


def prepare() -> None:
    """Layers are small: more threads would only wait for each other."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging: Any = transformers.utils.logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def measured(index: int, texts: RealTexts, *, with_int8: bool) -> Measured:
    """What comes of the model at `index`: models themselves do not go from process to process."""
    try:
        return measure(models()[index], texts, with_int8=with_int8)
    except Exception:  # noqa: BLE001 - told in the table, beside all the others
        return Measured.failed(traceback.format_exc())
