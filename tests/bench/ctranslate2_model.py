"""Converts a Marian checkpoint for CTranslate2, with the start token that it was trained with.

CTranslate2's own converter starts every translation from a zero embedding and drops <pad>, as
Marian's own models want it. A checkpoint trained with transformers starts from the embedding of
<pad>, which need not be zero; the same weights would then say something else.
"""

from pathlib import Path

from ctranslate2.converters.transformers import MarianMTLoader
from ctranslate2.specs import TransformerSpec
from transformers import MarianMTModel

from tests.bench.systems import Precision
from tests.bench.vocabulary import END, PAD, UNKNOWN, read_tokens

NEVER = -1e9
"""Output bias of <pad>, which bad_words_ids forbids elsewhere."""


class _Loader(MarianMTLoader):  # type: ignore[misc]  # an untyped library's
    """Keeps the row of <pad>."""

    def set_decoder(self, spec: object, decoder: object) -> None:
        super(MarianMTLoader, self).set_decoder(spec, decoder)

    def _remove_pad_weights(self, spec: object) -> None:
        pass


def convert(checkpoint: Path, output: Path, precision: Precision) -> None:
    """Writes a CTranslate2 model that decodes as transformers does."""
    model = MarianMTModel.from_pretrained(checkpoint).float()
    model.final_logits_bias[0, model.config.pad_token_id] = NEVER
    spec: TransformerSpec = _Loader().get_model_spec(model)
    tokens = read_tokens(checkpoint)
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.bos_token = spec.config.eos_token = END
    spec.config.unk_token = UNKNOWN
    spec.config.decoder_start_token = PAD
    spec.validate()
    spec.optimize(quantization=None if precision == "float32" else precision)
    output.mkdir(parents=True, exist_ok=True)
    spec.save(str(output))
