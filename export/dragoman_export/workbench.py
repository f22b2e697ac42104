"""Where a model's graphs are made in some precision and measured against what was said.

Knows the steps of each precision. Does not know what a bundle holds beside graphs.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, NamedTuple

from dragoman_export.drafts import Draft, MeasuredWith, choose
from dragoman_export.graphs import (
    CPU,
    CUDA,
    ONNX_CPU,
    ONNX_CUDA,
    GraphFormat,
    Target,
    write_copy_graph,
    write_graphs,
    write_plain_graphs,
)
from dragoman_export.graphs.trace import trace
from dragoman_export.memory import give_up
from dragoman_export.model import ImportedModel
from dragoman_export.network import Transformer
from dragoman_export.precision import (
    ActivationScales,
    Calibration,
    HalfPrecision,
    with_half_precision,
    with_int8_caches,
)
from dragoman_export.precision.calibrate import calibrate
from dragoman_export.precision.listed import listed, token_weights
from dragoman_export.precision.quantise import quantise
from dragoman_export.precision.screen import screen
from dragoman_export.shortlist import write_weights
from dragoman_export.verification import (
    DeviceGraphDecoder,
    Done,
    EagerDecoder,
    GraphDecoder,
    Parity,
    PlainGraphDecoder,
    Said,
    Scorer,
    measure,
    require_same,
)

Stage = Callable[[str], AbstractContextManager[None]]
"""Told what is done now; the context ends when it is done."""


PlainPrecision = Literal["float32", HalfPrecision]
"""Of graphs that PyTorch alone runs."""


class Workbench(NamedTuple):
    """Where graphs are made and measured."""

    model: ImportedModel
    said: Sequence[Said]
    directory: Path
    stage: Stage
    done: Done
    with_attention: bool = False
    """Whether there is to be a graph of attention weights."""
    graph_format: GraphFormat = ONNX_CPU
    """Of the graphs, where it is none of ONNX."""
    with_lists: bool = False
    """Whether there is to be a decoding step in which rows choose among lists; of int8 only."""

    def float32(self) -> Draft:
        """The graphs of the model as it is."""
        return self._try_out(lambda: screen(self.model.blueprint.take(), self.model.end_id), None)

    def int8(self, scales: ActivationScales) -> Draft:
        """The graphs of the model with 8-bit linear layers."""

        def quantised() -> Transformer:
            with self.stage(f"quantise, {scales} scales"):
                if scales == "per_row":
                    return quantise(self.model.blueprint.take(), None)
                return self._calibrated()

        return self._try_out(quantised, scales)

    def half(self, precision: HalfPrecision) -> Draft:
        """The graphs of the model with 16-bit layers, which only a GPU runs as they are.

        Raises:
            VerificationError: The same graphs in float32 do not say what the checkpoint says.
        """
        whole = self.model.blueprint.take()
        stand_in = self._write("float32", whole, CUDA)
        give_up(whole.encoder, whole.decoder)
        require_same(self._measure(DeviceGraphDecoder(stand_in, self.model)))
        transformer = with_half_precision(self.model.blueprint.take(), precision)
        half = self.model.with_transformer(transformer)
        directory = self._write(precision, half.transformer, CUDA)
        write_copy_graph(directory)
        if precision == "float16":
            parity = self._measure(DeviceGraphDecoder(directory, half))
            measured_with: MeasuredWith = "onnxruntime"
        else:
            parity = self._measure(EagerDecoder(half))
            measured_with = "pytorch"
        return Draft(directory, half.config, None, parity, measured_with, ONNX_CUDA, stand_in)

    def plain(self, precision: PlainPrecision) -> Draft:
        """The graphs of the model for PyTorch alone."""
        transformer = self.model.blueprint.take()
        if precision != "float32":
            transformer = with_half_precision(transformer, precision)
        directory, made = self._directory(precision), self.graph_format
        with self.stage(f"trace for {made.name}"):
            write_plain_graphs(transformer, made, directory, with_attention=self.with_attention)
        give_up(transformer.encoder, transformer.decoder)
        parity = self._measure(PlainGraphDecoder(directory, self.model, made))
        return Draft(directory, transformer.config, None, parity, "torch", made)

    def better(self, calibrated: Draft, per_row: Draft) -> Draft:
        """What `choose` chooses, said aloud."""
        chosen = choose(calibrated, per_row)
        other = per_row if chosen is calibrated else calibrated
        with self.stage(f"take {chosen} and not {other} by mean log-probability difference"):
            return chosen

    def _calibrated(self) -> Transformer:
        """First the ranges of keys and values, then what else there is once they are in steps."""
        found = self._calibrate(self.model.transformer)
        scaled = with_int8_caches(self.model.blueprint.take(), found)
        return quantise(scaled, self._calibrate(scaled))

    def _calibrate(self, transformer: Transformer) -> Calibration:
        """On every other sentence: verification also sees inputs that calibration has not."""
        half = self.said[::2]
        sources = [prompt.source_ids for prompt, _ in half]
        targets = [[*prompt.target_ids, *hypothesis.token_ids] for prompt, hypothesis in half]
        return calibrate(self.model.with_transformer(transformer), sources, targets)

    def _try_out(self, make: Callable[[], Transformer], scales: ActivationScales | None) -> Draft:
        transformer = make()
        config = transformer.config
        directory = self._write(scales or "float32", transformer, CPU)
        give_up(transformer.encoder, transformer.decoder)  # the graphs need as much again
        is_screened = scales is None
        parity = self._measure(GraphDecoder(directory, self.model, is_screened=is_screened))
        return Draft(directory, config, scales, parity)

    def _write(self, name: str, transformer: Transformer, target: Target) -> Path:
        directory = self._directory(name)
        with self.stage(f"trace{_aside(name, target)}"):
            step = listed(transformer.decoder) if self.with_lists else None
            graphs = trace(transformer, target, with_attention=self.with_attention, listed=step)
            write_graphs(graphs, directory)
            if self.with_lists:
                write_weights(directory, token_weights(transformer.decoder))
        return directory

    def _directory(self, name: str) -> Path:
        """A new one."""
        directory = self.directory / name
        directory.mkdir()
        return directory

    def _measure(self, decoder: Scorer) -> Parity:
        with self.stage(f"verify on {len(self.said)} sentences"):
            return measure(decoder, self.said, self.model.max_decoding_length, self.done)


def _aside(name: str, target: Target) -> str:
    """Which of several graphs is meant, where there are several."""
    return f" for {target.graph_format.providers[0]} in {name}" if target is CUDA else ""
