"""What graphs are made for: the execution provider, and all that differs between two of them."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import onnx_ir
from torch import nn

from dragoman_export.graphs import optimise, optimise_cuda, translations, translations_cuda
from dragoman_export.graphs.contract import (
    GraphContract,
    decoder_contract,
    device_decoder_contract,
)
from dragoman_export.graphs.translations import Translations
from dragoman_export.network import DecoderStep, DeviceStep, TransformerConfig

Provider = Literal["cpu", "cuda"]


class Target(NamedTuple):
    """An execution provider, as export sees it."""

    provider: Provider

    translations: Callable[[], Translations]

    decoder_contract: Callable[[TransformerConfig], GraphContract]

    decoder: Callable[[DecoderStep], nn.Module]
    """The module that is traced as the decoding step."""

    optimise: Callable[[onnx_ir.Model, GraphContract], None]
    """Cleans a traced graph."""


def _as_it_is(decoder: DecoderStep) -> nn.Module:
    return decoder


CPU = Target("cpu", translations.translations, decoder_contract, _as_it_is, optimise.optimise)

CUDA = Target(
    "cuda",
    translations_cuda.translations,
    device_decoder_contract,
    DeviceStep,
    optimise_cuda.optimise,
)
