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


def _required(name: str, element: str) -> OpSchema.FormalParameter:
    return OpSchema.FormalParameter(name, f"tensor({element})", param_option=_SINGLE)


def _optional(name: str, element: str) -> OpSchema.FormalParameter:
    return OpSchema.FormalParameter(name, f"tensor({element})", param_option=_OPTIONAL)


def _cache(name: str) -> OpSchema.FormalParameter:
    return OpSchema.FormalParameter(name, "T_CACHE", param_option=_OPTIONAL)


def _group_query_attention() -> OpSchema:
    return OpSchema(
        "GroupQueryAttention",
        MICROSOFT,
        1,
        inputs=[
            _required("query", "float"),
            _optional("key", "float"),
            _optional("value", "float"),
            _cache("past_key"),
            _cache("past_value"),
            _required("seqlens_k", "int32"),
            _required("total_sequence_length", "int32"),
            _optional("cos_cache", "float"),
            _optional("sin_cache", "float"),
            _optional("position_ids", "int64"),
            _optional("attention_bias", "float"),
            _optional("head_sink", "float"),
            _optional("k_scale", "float"),
            _optional("v_scale", "float"),
        ],
        outputs=[
            _required("output", "float"),
            _cache("present_key"),
            _cache("present_value"),
        ],
        type_constraints=[("T_CACHE", ["tensor(float)", "tensor(int8)"], "Caches.")],
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
    for schema in (_group_query_attention(), _mat_mul_integer_to_float()):
        if not onnx.defs.has(schema.name, schema.domain):
            onnx.defs.register_schema(schema)
