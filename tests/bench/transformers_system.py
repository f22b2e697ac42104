"""transformers' `generate` in PyTorch: what a checkpoint is served with where nothing else is."""

import torch
from transformers import MarianMTModel

from tests.bench.generate import Generate
from tests.bench.systems import Setting


def load_transformers(setting: Setting) -> Generate:
    """Loads a checkpoint, float32."""
    model = MarianMTModel.from_pretrained(setting.model, dtype=torch.float32).eval()
    return Generate(model, setting)
