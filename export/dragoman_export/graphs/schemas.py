"""Signatures of the com.microsoft operators that our graphs hold, in the part that we use.

onnxscript resolves operators through the registry of the `onnx` package, which knows none of
onnxruntime's own. Source: onnxruntime, docs/ContribOperators.md. Outputs that we never read are
left out where they come last: onnxscript emits every output that a schema has.
"""

import onnx
from onnx.defs import OpSchema

MICROSOFT = "com.microsoft"

_SINGLE = OpSchema.FormalParameterOption.Single
_OPTIONAL = OpSchema.FormalParameterOption.Optional
_INT, _FLOAT = OpSchema.AttrType.INT, OpSchema.AttrType.FLOAT
_STRING = OpSchema.AttrType.STRING

FLOATS = ["tensor(float)", "tensor(float16)", "tensor(bfloat16)"]


def _required(name: str, element: str) -> OpSchema.FormalParameter:
    return OpSchema.FormalParameter(name, f"tensor({element})", param_option=_SINGLE)


def _optional(name: str, element: str) -> OpSchema.FormalParameter:
    return OpSchema.FormalParameter(name, f"tensor({element})", param_option=_OPTIONAL)


def _same_type(
    name: str, option: OpSchema.FormalParameterOption = _SINGLE
) -> OpSchema.FormalParameter:
    """One of those that are all of one of the FLOATS."""
    return OpSchema.FormalParameter(name, "T", param_option=option)


def _cache(name: str) -> OpSchema.FormalParameter:
    return OpSchema.FormalParameter(name, "T_CACHE", param_option=_OPTIONAL)


def _group_query_attention() -> OpSchema:
    return OpSchema(
        "GroupQueryAttention",
        MICROSOFT,
        1,
        inputs=[
            _same_type("query"),
            _same_type("key", _OPTIONAL),
            _same_type("value", _OPTIONAL),
            _cache("past_key"),
            _cache("past_value"),
            _required("seqlens_k", "int32"),
            _required("total_sequence_length", "int32"),
            _same_type("cos_cache", _OPTIONAL),
            _same_type("sin_cache", _OPTIONAL),
            _optional("position_ids", "int64"),
            _same_type("attention_bias", _OPTIONAL),
            _same_type("head_sink", _OPTIONAL),
            _optional("k_scale", "float"),
            _optional("v_scale", "float"),
        ],
        outputs=[
            _same_type("output"),
            _cache("present_key"),
            _cache("present_value"),
        ],
        type_constraints=[
            ("T", FLOATS, "What is computed with."),
            ("T_CACHE", [*FLOATS, "tensor(int8)"], "Caches."),
        ],
        attributes=[
            OpSchema.Attribute("num_heads", _INT, required=True),
            OpSchema.Attribute("kv_num_heads", _INT, required=True),
            OpSchema.Attribute("causal", _INT, required=False),
            OpSchema.Attribute("scale", _FLOAT, required=False),
            OpSchema.Attribute("k_quant_type", _STRING, required=False),
            OpSchema.Attribute("v_quant_type", _STRING, required=False),
            OpSchema.Attribute("kv_cache_bit_width", _INT, required=False),
        ],
    )


def _skip_layer_normalization() -> OpSchema:
    return OpSchema(
        "SkipLayerNormalization",
        MICROSOFT,
        1,
        inputs=[
            _same_type("input"),
            _same_type("skip"),
            _same_type("gamma"),
            _same_type("beta", _OPTIONAL),
            _same_type("bias", _OPTIONAL),
        ],
        outputs=[_same_type("output")],
        type_constraints=[("T", FLOATS, "What is computed with.")],
        attributes=[OpSchema.Attribute("epsilon", _FLOAT, required=False)],
    )


def _mat_mul_integer_to_float() -> OpSchema:
    return OpSchema(
        "MatMulIntegerToFloat",
        MICROSOFT,
        1,
        inputs=[
            _required("A", "uint8"),
            _required("B", "int8"),
            _required("a_scale", "float"),
            _required("b_scale", "float"),
            _optional("a_zero_point", "uint8"),
            _optional("b_zero_point", "int8"),
            _optional("bias", "float"),
        ],
        outputs=[_required("Y", "float")],
    )


def register() -> None:
    """Makes the operators known to onnxscript; a second call changes nothing."""
    schemas = (_group_query_attention(), _skip_layer_normalization(), _mat_mul_integer_to_float())
    for schema in schemas:
        if not onnx.defs.has(schema.name, schema.domain):
            onnx.defs.register_schema(schema)
