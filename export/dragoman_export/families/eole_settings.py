"""What the settings of Eole's encoder-decoder Transformers mean, and what hinders a model.

Source: Eole 0.6, `config/models.py`: what is said of the encoder or the decoder comes before what
is said of the model. A setting that is not known is refused: it may make another model of it. Does
not know tensors or files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dragoman_export.checkpoints import Settings
from dragoman_export.families.bart_settings import LARGEST_SIZE, MOST_POSITIONS
from dragoman_export.families.opennmt_model import PositionKind
from dragoman_export.network import Activation

ARCHITECTURES = ("transformer", "custom")

SIDES = ("encoder", "decoder")

ACTIVATIONS: Mapping[str, Activation] = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu-tanh": "gelu_tanh",
    "silu": "silu",
    "gated-silu": "silu",
    "gated-gelu": "gelu",
    "gated-gelu-tanh": "gelu_tanh",
}

GATED = "gated-"

NORMS = ("standard", "standardFP32", "rms")

POSITIONS: tuple[PositionKind, ...] = ("SinusoidalInterleaved", "SinusoidalConcat", "Learned")

OF_SIDES: Settings = {
    "layers": 2,
    "hidden_size": 512,
    "heads": 8,
    "heads_kv": None,
    "head_dim": None,
    "transformer_ff": 2048,
    "mlp_activation_fn": "relu",
    "layer_norm": "standard",
    "norm_eps": 1e-5,
    "add_qkvbias": False,
    "add_key_bias": None,
    "add_ffnbias": False,
}
"""Settings of encoder and decoder, and what they are where nothing is said."""

OF_EMBEDDINGS: Settings = {
    "src_word_vec_size": 512,
    "tgt_word_vec_size": 512,
    "word_vec_size": -1,
    "position_encoding_type": POSITIONS[0],
    "n_positions": None,
    "position_shift": 0,
}

OF_MODEL: Settings = {
    "architecture": "custom",
    "share_embeddings": False,
    "share_decoder_embeddings": False,
    "generator_bias": True,
}

BIASES = ("add_qkvbias", "add_key_bias", "add_ffnbias")

SIZES = ("layers", "hidden_size", "heads", "transformer_ff")

NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "encoder_type": ("transformer",),
    "decoder_type": ("transformer",),
    "encoder_layer_style": ("standard",),
    "final_encoder_layer_norm": (True,),
    "embedding_type": ("standard",),
    "embedding_layer_norm": (False,),
    "token_type_vocab_size": (0,),
    "normalize": (False,),
    "sliding_window": (0,),
    "relative_positions_buckets": (0,),
    "rope_config": ({},),
    "shared_layer_norm": (False,),
    "ffn_layernorm": (False,),
    "query_norm": (False,),
    "key_norm": (False,),
    "value_norm": (False,),
    "qk_norm_post_rope": (False,),
    "attn_scaling": (),
    "parallel_residual": (False,),
    "num_experts": (0,),
    "num_shared_experts": (0,),
    "shared_expert_gate": (False,),
    "q_gating": (False,),
    "with_cross_attn": (True, False),
    "layer_types": (),
    "global_head_dim": (),
    "global_heads_kv": (),
    "num_mtp_heads": (0,),
    "add_estimator": (False,),
    "coverage_attn": (False,),
    "generator_function": ("softmax",),
}
"""Settings that make another model of it, and values with which they do not; nor does null."""

IGNORED = (
    "add_final_linear_bias",
    "position_encoding",
    "freeze_word_vecs_enc",
    "freeze_word_vecs_dec",
    "max_position_embeddings",
    "moe_transformer_ff",
    "first_k_dense_replace",
    "num_experts_per_tok",
    "moe_softmax_after",
    "moe_renormalize",
    "interpolate_mode",
    "lambda_coverage",
    "global_attention",
    "global_attention_function",
    "aan_useffn",
    "alignment_layer",
    "alignment_heads",
    "full_context_alignment",
    "lambda_align",
    "LM_type",
    "linear_conv_kernel_dim",
    "linear_key_head_dim",
    "linear_value_head_dim",
    "linear_num_key_heads",
    "linear_num_value_heads",
    "mtp_lambda",
    "mtp_emb_norm",
    "input_feed",
    "adapter_bias",
    "projector_activation_fn",
    "spatial_merge_size",
    "estimator_type",
    "left_pad",
    "huggingface_model",
    "eole_version",
    "dim_per_head",
)
"""Settings that mean nothing in such a model, or less than its weights: Eole itself forgets in the
encoder what it says of the last bias."""

SECTIONS = ("model", "embeddings", *SIDES)


@dataclass
class EoleSettings:
    """The model's part of config.json."""

    model: Settings
    problems: list[str] = field(default_factory=list)

    has_sizes: bool = False
    """Whether weights can be held against them, whatever else is wrong."""

    def read(self) -> None:
        """Finds every problem."""
        self.problems += self._kind_problems()
        if not self.problems:
            self.problems += self._unknown()
            for side in SIDES:
                self.problems += self._side_problems(side)
            self.problems += self._embedding_problems()
            self.problems += self._differing()
            self.has_sizes = not self.problems
            self.problems += self._epsilon_problems()
        self.problems = [*dict.fromkeys(self.problems)]

    def of(self, section: str) -> Settings:
        """What is said of a part, else of the model, else by nobody."""
        defaults = {"model": OF_MODEL, "embeddings": OF_EMBEDDINGS}.get(section, OF_SIDES)
        settings = dict(defaults)
        for part in (self.model, self._section(section)):
            said = {name: part[name] for name in defaults if part.get(name) not in (None, -1)}
            settings |= said
        return settings

    def _section(self, name: str) -> Settings:
        section = self.model if name == "model" else self.model.get(name)
        return section if isinstance(section, dict) else {}

    def _kind_problems(self) -> Iterator[str]:
        kind = self.of("model")["architecture"]
        if kind not in ARCHITECTURES:
            yield _refusal("model.architecture", kind, ARCHITECTURES)
        for name in SIDES:
            side, typed = self._section(name), f"{name}_type"
            if self.model.get(name) is None and kind == "custom":
                yield f"model.{name} is missing; an encoder and a decoder are needed"
            elif side.get(typed, "transformer") != "transformer":
                yield _refusal(f"model.{name}.{typed}", side[typed], ("transformer",))

    def _unknown(self) -> Iterator[str]:
        known = {*OF_SIDES, *OF_EMBEDDINGS, *OF_MODEL, *IGNORED, *SECTIONS}
        for section in SECTIONS:
            place = "model." if section == "model" else f"model.{section}."
            for name, value in self._section(section).items():
                if name in NEUTRAL:
                    if value is not None and value not in NEUTRAL[name]:
                        yield _refusal(f"{place}{name}", value, NEUTRAL[name])
                elif name not in known:
                    yield f"{place}{name} is not known, and may make another model of it"

    def _side_problems(self, side: str) -> Iterator[str]:
        for name in SIZES:
            value = self.of(side)[name]
            if type(value) is not int or not 1 <= value <= LARGEST_SIZE:
                yield (
                    f"{side}: {name} is {value!r}; a whole number from 1 to {LARGEST_SIZE} is "
                    "needed"
                )
        for name, choices in (("mlp_activation_fn", tuple(ACTIVATIONS)), ("layer_norm", NORMS)):
            if self.of(side)[name] not in choices:
                yield _refusal(f"{side}: {name}", self.of(side)[name], choices)
        for name in BIASES:
            if not isinstance(self.of(side)[name], bool | None):
                yield f"{side}: {name} is {self.of(side)[name]!r}; true or false is needed"
        heads = self.of(side)["heads"]
        if self.of(side)["heads_kv"] not in (None, heads):
            yield _refusal(f"{side}: heads_kv", self.of(side)["heads_kv"], (heads,))

    def _epsilon_problems(self) -> Iterator[str]:
        first, second = (self.of(side)["norm_eps"] for side in SIDES)
        for side, epsilon in zip(SIDES, (first, second), strict=True):
            if type(epsilon) is not float or not 0 < epsilon < 1:
                yield f"{side}: norm_eps is {epsilon!r}; a number between 0 and 1 is needed"
        if first != second:
            yield f"norm_eps is {first!r} in the encoder and {second!r} in the decoder"

    def _embedding_problems(self) -> Iterator[str]:
        kind, width = self.of("embeddings")["position_encoding_type"], self._width
        if kind not in POSITIONS:
            yield _refusal("embeddings: position_encoding_type", kind, POSITIONS)
        elif kind != "Learned" and type(width) is int and width % 2:
            yield f"hidden_size is {width}; sinusoidal positions need an even number"
        rows, first = (self.of("embeddings")[name] for name in ("n_positions", "position_shift"))
        are_whole = type(rows) is type(first) is int
        if kind == "Learned" and not (are_whole and 0 <= first < rows - 1 < MOST_POSITIONS):
            yield (
                f"embeddings: n_positions is {rows!r} and position_shift {first!r}; whole numbers "
                f"up to {MOST_POSITIONS} are needed, the first the larger"
            )
        for name in ("src_word_vec_size", "tgt_word_vec_size"):
            if (size := self._word_width(name)) != width:
                yield f"embeddings: {name} is {size!r}; only hidden_size, {width!r}, is supported"

    @property
    def _width(self) -> object:
        return self.of("encoder")["hidden_size"]

    def _word_width(self, name: str) -> object:
        both = self.of("embeddings")["word_vec_size"]
        return self.of("embeddings")[name] if both == -1 else both

    def _differing(self) -> Iterator[str]:
        """What must be the same on both sides, or divide another."""
        for name in ("hidden_size", "head_dim", "mlp_activation_fn", *BIASES):
            first, second = (self.of(side)[name] for side in SIDES)
            if first != second:
                yield f"{name} is {first!r} in the encoder and {second!r} in the decoder"
        is_rms = [self.of(side)["layer_norm"] == "rms" for side in SIDES]
        if is_rms[0] != is_rms[1]:
            yield "layer_norm is of another kind in the encoder than in the decoder"
        width = self._width
        for side in SIDES:
            heads = self.of(side)["heads"]
            are_whole = type(heads) is type(width) is int and heads > 0
            if are_whole and self.of(side)["head_dim"] is None and width % heads:
                yield f"{side}: heads is {heads}, which does not divide {width}"


def _refusal(name: str, value: object, values: tuple[object, ...]) -> str:
    known = " or ".join(repr(each) for each in values) or "null"
    return f"{name} is {value!r}, which is not supported; {known} is"
