"""Every operator's PyTorch kernel against its ONNX translation in onnxruntime."""

from collections.abc import Callable
from functools import partial

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from dragoman_export.graphs import schemas, trace, translations
from dragoman_export.graphs.target import CPU, CUDA, Target
from dragoman_export.network import SUPPRESSED_BIAS, operators
from dragoman_export.network.device_step import best_tokens
from dragoman_export.network.operators import SHARED_ROWS
from dragoman_export.precision.quantise import (
    SIGNED,
    UNSIGNED,
    CalibratedInt8Linear,
    Int8Linear,
    MaskedInt8Linear,
    QuantisedWeight,
)

ROWS, HEADS, HEAD_DIM, CAPACITY = 5, 2, 8, 6
DIM = HEADS * HEAD_DIM


class Calling(nn.Module):
    """A module of nothing but one function."""

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> object:
        return self.function(*inputs)


def in_onnxruntime(
    module: nn.Module, inputs: tuple[Tensor, ...], target: Target = CPU
) -> onnxruntime.InferenceSession:
    schemas.register()
    with trace._silence():
        program = torch.onnx.export(
            module,
            inputs,
            dynamo=True,
            verbose=False,
            opset_version=trace.OPSET,
            custom_translation_table=target.translations(),
        )
    assert program is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run(session: onnxruntime.InferenceSession, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    names = [value.name for value in session.get_inputs()]
    feed = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
    return [torch.from_numpy(np.array(output)) for output in session.run(None, feed)]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_extent() -> None:
    inputs = (torch.zeros(3, 7),)
    (found,) = run(in_onnxruntime(Calling(lambda x: operators.extent(x, 1)), inputs), inputs)
    assert torch.equal(found, torch.tensor([7], dtype=torch.int32))
    assert torch.equal(found, operators.extent(*inputs, 1))


def test_attend_prompt() -> None:
    last = torch.tensor([4, 0, 2], dtype=torch.int32)
    query_key_value = torch.randn(3, 5, 3 * DIM)
    outputs = []
    for junk in (0.0, 50.0):  # past the ends: must not be seen
        for row, place in enumerate(last.tolist()):
            query_key_value[row, place + 1 :] = junk
        length = torch.tensor([5], dtype=torch.int32)
        inputs = (query_key_value, last, length)
        eager = operators.attend_prompt(*inputs, HEADS)
        graph = in_onnxruntime(Calling(lambda *x: operators.attend_prompt(*x, HEADS)), inputs)
        (found,) = run(graph, inputs)
        for row, place in enumerate(last.tolist()):
            torch.testing.assert_close(eager[row, : place + 1], found[row, : place + 1])
        outputs.append(found[1, 0])
    assert torch.equal(outputs[0], outputs[1])


def steps(*shape: int) -> Tensor:
    return torch.randint(-128, 128, shape, dtype=torch.int8)


CACHES = [pytest.param(torch.randn, id="float"), pytest.param(steps, id="int8")]


def test_to_steps() -> None:
    x = torch.tensor([0.5, 1.5, -0.5, -2.4, 127.4, 300.0, -129.0])
    (found,) = run(in_onnxruntime(Calling(operators.to_steps), (x,)), (x,))
    assert found.tolist() == [0, 2, 0, -2, 127, 127, -128]
    assert found.dtype == torch.int8
    assert torch.equal(found, operators.to_steps(x))


TARGETS = [pytest.param(CPU, id="cpu"), pytest.param(CUDA, id="cuda")]


@pytest.mark.parametrize("target", TARGETS)
def test_add_and_norm(target: Target) -> None:
    inputs = (torch.randn(ROWS, DIM), torch.randn(ROWS, DIM), torch.randn(DIM), torch.randn(DIM))
    graph = in_onnxruntime(Calling(lambda *x: operators.add_and_norm(*x, 1e-5)), inputs, target)
    (found,) = run(graph, inputs)
    torch.testing.assert_close(found, operators.add_and_norm(*inputs, 1e-5))


def rounding(values: Tensor) -> float:
    """What a weighted sum of `values` may differ by, summed in another order."""
    return 2e-6 * float(values.abs().max())


@pytest.mark.parametrize(
    ("make", "target"),
    [
        pytest.param(torch.randn, CPU, id="float, cpu"),
        pytest.param(steps, CPU, id="int8, cpu"),
        pytest.param(torch.randn, CUDA, id="float, cuda"),
    ],
)
def test_attend_past(make: Callable[..., Tensor], target: Target) -> None:
    past = make(2, ROWS, HEADS, CAPACITY, HEAD_DIM)
    positions = torch.tensor([0, 5, 2, 1, 4], dtype=torch.int32)
    capacity = torch.tensor([CAPACITY], dtype=torch.int32)
    query_key_value = torch.randn(ROWS, 3 * DIM) * torch.tensor([0.1] * DIM + [9.0] * 2 * DIM)
    inputs = (query_key_value, past[0], past[1], positions, capacity)
    eager = operators.attend_past(*inputs, HEADS)
    graph = in_onnxruntime(Calling(lambda *x: operators.attend_past(*x, HEADS)), inputs, target)
    attended, key, value = run(graph, inputs)
    torch.testing.assert_close(attended, eager[0], atol=rounding(past[1]), rtol=1e-5)
    assert key.dtype == past.dtype
    for row, position in enumerate(positions.tolist()):
        live = slice(0, position + 1)
        assert torch.equal(key[row, :, live], eager[1][row, :, live])
        assert torch.equal(value[row, :, live], eager[2][row, :, live])


@pytest.mark.parametrize("make", CACHES)
def test_attend_source(make: Callable[..., Tensor]) -> None:
    cache = make(2, ROWS, HEADS, CAPACITY, HEAD_DIM)
    last = torch.tensor([5, 0, 3, 1, 4], dtype=torch.int32)
    capacity = torch.tensor([CAPACITY], dtype=torch.int32)
    inputs = (torch.randn(ROWS, DIM) * 0.1, cache[0], cache[1], last, capacity)
    eager = operators.attend_source(*inputs, HEADS)
    graph = in_onnxruntime(Calling(lambda *x: operators.attend_source(*x, HEADS)), inputs)
    attended = run(graph, inputs)[0]
    torch.testing.assert_close(attended, eager[0], atol=rounding(cache[1]), rtol=1e-5)


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize("make", CACHES)
def test_attend_shared_source(make: Callable[..., Tensor], is_shared: bool) -> None:
    """As each row with a copy of its own, to the last bit; rows 1, 3 and 4 have one source."""
    source_of, places = torch.tensor([0, 2, 1, 2, 2]), torch.tensor([0, 0, 0, 1, 2])
    asking = torch.zeros(3, SHARED_ROWS, dtype=torch.int64)
    asking[source_of, places] = torch.arange(ROWS)
    heads = torch.arange(HEADS)
    query_index = (asking[:, None] * HEADS + heads[:, None]).flatten(1)
    attended_index = (source_of[:, None] * HEADS + heads) * SHARED_ROWS + places[:, None]
    cache = make(2, 3, HEADS, CAPACITY, HEAD_DIM)
    last = torch.tensor([5, 0, 3], dtype=torch.int32)
    copied, copied_last = cache[:, source_of].contiguous(), last[source_of]
    if not is_shared:
        cache, last = copied, copied_last
    capacity = torch.tensor([CAPACITY], dtype=torch.int32)
    query = torch.randn(ROWS, DIM) * 0.1
    inputs = (
        query, cache[0], cache[1], last, capacity,
        torch.tensor(is_shared), query_index, attended_index,
    )  # fmt: skip
    eager = operators.attend_shared_source(*inputs, HEADS)[0]
    graph = in_onnxruntime(Calling(lambda *x: operators.attend_shared_source(*x, HEADS)), inputs)
    found = run(graph, inputs)[0]
    torch.testing.assert_close(found, eager, atol=rounding(cache[1]), rtol=1e-5)
    alone = (query, copied[0], copied[1], copied_last, capacity)
    graph = in_onnxruntime(Calling(lambda *x: operators.attend_source(*x, HEADS)), alone)
    assert torch.equal(found, run(graph, alone)[0])


@pytest.mark.parametrize("is_int8", [True, False])
def test_onnxscript_has_nothing_to_say(is_int8: bool, caplog: pytest.LogCaptureFixture) -> None:
    """What it does not understand of a script it logs for the user to see, and goes on."""
    translations._shared_source.__wrapped__(HEADS, HEAD_DIM, is_int8=is_int8)
    assert caplog.messages == []


@pytest.mark.parametrize("vocabulary", [128, 8 * 128])
def test_best_candidates_equal_a_full_sort(vocabulary: int) -> None:
    logits = torch.randn(ROWS, vocabulary)
    logits[:, -100:] = -1e9  # the padded vocabulary
    logits[0] = logits[0].round()  # ties within the row
    logits[1, 130 % vocabulary] = logits[1, 7] = 9.0  # a tie across groups
    graph = in_onnxruntime(Calling(operators.best_candidates), (logits, torch.tensor([2])))
    for count in (1, 4, 28):
        values, ids = run(graph, (logits, torch.tensor([count])))
        expected = logits.sort(dim=1, descending=True, stable=True)
        assert torch.equal(values, expected.values[:, :count])
        assert torch.equal(logits.gather(1, ids), values)
        assert all(len(set(row)) == count for row in ids.tolist())
        assert torch.equal(ids[1, :1], expected.indices[1, :1])
        eager_values, _ = operators.best_candidates(logits, torch.tensor([count]))
        assert torch.equal(eager_values, values)


@pytest.mark.parametrize("vocabulary", [128, 8 * 128])
def test_best_tokens_equal_a_full_sort(vocabulary: int) -> None:
    logits = torch.randn(ROWS, vocabulary) * 3
    logits[:, -100:] = -1e9  # the padded vocabulary
    count = 28
    graph = in_onnxruntime(Calling(lambda x: best_tokens(x, count)), (logits,), CUDA)
    log_probs, ids = run(graph, (logits,))
    expected = logits.log_softmax(dim=1).sort(dim=1, descending=True, stable=True)
    torch.testing.assert_close(log_probs, expected.values[:, :count])
    assert torch.equal(ids, expected.indices[:, :count])
    eager_log_probs, eager_ids = best_tokens(logits, count)
    torch.testing.assert_close(eager_log_probs, log_probs)
    assert torch.equal(eager_ids, ids)


def test_log_normalizers_are_computed_where_wanted_and_zero_elsewhere() -> None:
    logits = torch.randn(ROWS, 256) * 5
    logits[:, 250:] = -1e9
    best = logits.topk(3, dim=1)
    wanted, unwanted = torch.tensor(data=True), torch.tensor(data=False)
    graph = in_onnxruntime(Calling(operators.log_normalizers), (logits, *best, wanted))
    (computed,) = run(graph, (logits, *best, wanted))
    (zeros,) = run(graph, (logits, *best, unwanted))
    torch.testing.assert_close(computed, logits.logsumexp(dim=1))
    torch.testing.assert_close(computed, operators.log_normalizers(logits, *best, wanted))
    assert zeros.eq(0).all()
    assert operators.log_normalizers(logits, *best, unwanted).eq(0).all()


def test_log_normalizers_of_what_is_not_scaled_yet() -> None:
    unscaled, scale = torch.randn(ROWS, 256) * 50, torch.rand(ROWS, 1)
    logits = unscaled * scale
    best = logits.topk(3, dim=1)
    wanted, unwanted = torch.tensor(data=True), torch.tensor(data=False)
    inputs = (unscaled, scale, *best)
    graph = in_onnxruntime(Calling(operators.scaled_log_normalizers), (*inputs, wanted))
    (computed,) = run(graph, (*inputs, wanted))
    (zeros,) = run(graph, (*inputs, unwanted))
    torch.testing.assert_close(computed, logits.logsumexp(dim=1))
    torch.testing.assert_close(computed, operators.scaled_log_normalizers(*inputs, wanted))
    assert zeros.eq(0).all()
    assert operators.scaled_log_normalizers(*inputs, unwanted).eq(0).all()


def int8_linear() -> Int8Linear:
    return Int8Linear(torch.randn(64, 48) * 0.1, torch.randn(48))


def test_int8_linear_equals_its_graph_and_stays_near_float32() -> None:
    weight, bias = torch.randn(64, 48) * 0.1, torch.randn(48)
    linear = Int8Linear(weight, bias)
    x = torch.randn(ROWS, 64)
    x[2] = 0
    x[3] *= 1000
    (found,) = run(in_onnxruntime(linear, (x,)), (x,))
    torch.testing.assert_close(linear(x), found, atol=1e-6, rtol=1e-6)
    expected = x @ weight + bias
    error = (found - expected).norm(dim=1) / expected.norm(dim=1)
    assert error.max() < 0.02


def masked_int8_linear() -> MaskedInt8Linear:
    bias = torch.zeros(48)
    bias[[0, 7, 47]] = SUPPRESSED_BIAS
    return MaskedInt8Linear(torch.randn(64, 48) * 0.1, bias)


def test_masked_int8_linear_equals_its_graph_and_suppresses_whatever_the_row() -> None:
    linear = masked_int8_linear()
    x = torch.randn(ROWS, 64)
    x[2] = 0
    x[3] *= 1000
    x[4] /= 1000
    (found,) = run(in_onnxruntime(linear, (x,)), (x,))
    torch.testing.assert_close(linear(x), found, atol=1e-6, rtol=1e-6)
    others = Int8Linear(linear.weight * linear.weight_scale, torch.zeros(48))(x)
    is_suppressed = torch.zeros(48, dtype=torch.bool)
    is_suppressed[[0, 7, 47]] = True
    assert (found[:, is_suppressed] <= SUPPRESSED_BIAS).all()
    torch.testing.assert_close(found[:, ~is_suppressed], others[:, ~is_suppressed])
    product, scale = linear.unscaled(x)
    assert torch.equal(product * scale, linear(x))
    assert (scale > 0).all()


def test_a_layer_that_adds_nothing_has_no_operator_for_it() -> None:
    x = torch.randn(ROWS, 64)
    linear = MaskedInt8Linear(torch.randn(64, 48) * 0.1, torch.zeros(48))
    (found,) = run(in_onnxruntime(linear, (x,)), (x,))
    assert linear.mask is None
    torch.testing.assert_close(linear(x), found, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("bias", "expected"), [([0.0, 0.0], True), ([0.0, SUPPRESSED_BIAS], True), ([0.0, 0.1], False)]
)
def test_a_bias_is_a_mask_where_it_adds_nothing_else(*, bias: list[float], expected: bool) -> None:
    assert MaskedInt8Linear.suits(torch.tensor(bias)) == expected


def calibrated(zero_point: int) -> CalibratedInt8Linear:
    return CalibratedInt8Linear(torch.randn(64, 48) * 0.1, torch.randn(48), 3.0, zero_point)


@pytest.mark.parametrize("zero_point", [SIGNED, UNSIGNED])
def test_calibrated_int8_linear_equals_its_graph(zero_point: int) -> None:
    linear = calibrated(zero_point)
    x = torch.randn(ROWS, 64)
    x[1] *= 100  # clipped at both ends
    x[2] = 0
    x[3] = (torch.arange(64) + 0.5) * linear.activation_scale  # halves: rounded to even
    x[4] = -x[3]
    (found,) = run(in_onnxruntime(linear, (x,)), (x,))
    torch.testing.assert_close(linear(x), found, atol=2e-6, rtol=1e-6)
    assert torch.equal(found[2], linear.bias)


@pytest.mark.parametrize("zero_point", [SIGNED, UNSIGNED])
def test_calibrated_int8_linear_is_near_float32_within_its_range(zero_point: int) -> None:
    weight, bias = torch.randn(64, 48) * 0.1, torch.randn(48)
    x = torch.randn(ROWS, 64)
    linear = CalibratedInt8Linear(weight, bias, float(x.abs().max()), zero_point)
    (found,) = run(in_onnxruntime(linear, (x,)), (x,))
    expected = (x.relu() if zero_point == UNSIGNED else x) @ weight + bias
    error = (found - expected).norm(dim=1) / expected.norm(dim=1)
    assert error.max() < 0.02


def test_calibrated_int8_linear_clips_what_is_out_of_range() -> None:
    linear = calibrated(SIGNED)
    x = torch.full((ROWS, 64), 3.0)
    graph = in_onnxruntime(linear, (x,))
    for factor in (1.01, 1e6):
        assert torch.equal(run(graph, (x,))[0], run(graph, (x * factor,))[0])


def test_a_layer_that_calibration_saw_nothing_of_is_finite() -> None:
    linear = CalibratedInt8Linear(torch.randn(64, 48), torch.randn(48), 0.0, SIGNED)
    x = torch.randn(ROWS, 64)
    (found,) = run(in_onnxruntime(linear, (x,)), (x,))
    assert found.isfinite().all()
    torch.testing.assert_close(found, linear.bias.expand(ROWS, -1))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(int8_linear, id="per_row"),
        pytest.param(masked_int8_linear, id="per_row, with a mask"),
        pytest.param(partial(calibrated, SIGNED), id="calibrated"),
        pytest.param(partial(calibrated, UNSIGNED), id="calibrated, with a ReLU"),
    ],
)
def test_int8_linear_rows_do_not_see_each_other(make: Callable[[], QuantisedWeight]) -> None:
    linear = make()
    x = torch.randn(ROWS, 64)
    graph = in_onnxruntime(linear, (x,))
    (first,) = run(graph, (x,))
    x[1:] *= 100
    (second,) = run(graph, (x,))
    assert torch.equal(first[0], second[0])
    eager = linear(x)
    assert torch.equal(eager[0], linear(x[:1])[0])


def test_int8_weights_use_the_range_that_16_bits_leave_to_each_column() -> None:
    linear = int8_linear()
    assert linear.weight.dtype == torch.int8
    pairs = linear.weight.int().view(32, 2, 48)
    sums = torch.maximum(pairs.clamp_min(0).sum(dim=1), -pairs.clamp_max(0).sum(dim=1))
    assert sums.amax() <= 128  # x 255 is within 16 bits
    assert sums.amax(dim=0).min() >= 126


@pytest.mark.parametrize("inputs", [64, 63])
@pytest.mark.parametrize("zero_point", [SIGNED, UNSIGNED])
def test_int8_products_are_exact_on_every_cpu(zero_point: int, inputs: int) -> None:
    weight = torch.randn(inputs, 48) * 0.1
    weight[:, :16] = weight[:, :16].sign()  # all as large as can be
    linear = CalibratedInt8Linear(weight, torch.zeros(48), 1.0, zero_point)
    x = torch.where(linear.weight.T > 0, 1.0, -1.0)  # each row drives one column to its most
    (found,) = run(in_onnxruntime(linear, (x,)), (x,))
    torch.testing.assert_close(linear(x), found, atol=0, rtol=1e-6)
