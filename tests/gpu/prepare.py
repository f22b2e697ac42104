"""Makes what the GPU tests carry along; needs the export extra and no GPU.

    python -m tests.gpu.prepare --output build/gpu --data DIRECTORY

Bundles of the shipped checkpoint, and what its float32 bundle makes of some sentences on a CPU: of
tatoeba_test where --data has it, else of the built-in sample. Then all of it as one archive beside
the directory, OUTPUT.tar.xz: graphs have the same weights, and there each is kept once.
"""

import argparse
import lzma
import shutil
import tarfile
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from dragoman_export.export import ExportRequest, export
from dragoman_export.graphs import FormatName
from dragoman_export.manifest import Precision
from dragoman_export.sentences import SENTENCES
from dragoman_server.models.bundle import Bundle
from dragoman_server.models.tokenizer import load_tokenizer
from dragoman_server.runtime.attention_runner import AttentionRunner
from dragoman_server.runtime.attention_session import load_attention
from dragoman_server.runtime.runners import load_runners
from dragoman_server.runtime.sizing import cache_shape
from dragoman_server.sequence import (
    Attention,
    Completion,
    Finished,
    FinishReason,
    TranslationOptions,
)
from tests.export.stand_in import write_stand_in
from tests.gpu.bare import ROOT
from tests.gpu.carried import (
    BEAM_SIZES,
    FOR_ONNXRUNTIME,
    FOR_TORCH,
    MAX_LENGTH,
    ON_CORES,
    Weights,
    Workload,
)
from tests.server.engine.stepping import translate_all

CHECKPOINT = ROOT / "export/checkpoints/marian-en-de"

SENTENCE_COUNT = 400

CROSS_COUNT = 24
"""Sentences whose weights are carried along."""

CROSS_DIGITS = 4
"""Of each weight."""

MAX_ROWS = 64

ARCHIVE_WINDOW = 1 << 28
"""Bytes, more than all the bundles together: within it a weight is found again."""


def main() -> None:
    """Writes everything anew."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "build/gpu")
    parser.add_argument("--data", type=Path, help="directory with tatoeba_test.en")
    parser.add_argument(
        "--stand-in",
        action="store_true",
        help="float32 graphs in the places of ONNX's, to try the tests on a CPU",
    )
    parser.add_argument(
        "--ctranslate2", action="store_true", help="also convert the checkpoint for CTranslate2"
    )
    parser.add_argument(
        "--torch-alone", action="store_true", help="leave out what is for onnxruntime"
    )
    arguments = parser.parse_args()
    shutil.rmtree(arguments.output, ignore_errors=True)
    arguments.output.mkdir(parents=True)
    for carried in FOR_TORCH if arguments.torch_alone else (*FOR_TORCH, *FOR_ONNXRUNTIME):
        if arguments.stand_in and carried.format == "onnx":
            write_stand_in(CHECKPOINT, arguments.output / carried.name)
        else:
            _export(carried.precision, arguments.output / carried.name, carried.format)
    if not arguments.torch_alone:
        _export("int8", arguments.output / ON_CORES.name)
    if arguments.ctranslate2:
        from tests.bench.ctranslate2_model import convert  # noqa: PLC0415 - the bench extra

        # Stored in float32, cast when it is loaded.
        convert(CHECKPOINT, arguments.output / "ctranslate2", "float32")
    _workload(_sentences(arguments.data)).write(arguments.output)
    _pack(arguments.output)


def _sentences(data: Path | None) -> list[str]:
    if data is None:
        return list(SENTENCES)
    return (data / "tatoeba_test.en").read_text("utf-8").split("\n")[:SENTENCE_COUNT]


def _pack(directory: Path) -> None:
    """Writes the archive, in which weights that several graphs have take the room of one."""
    window = {"id": lzma.FILTER_LZMA2, "preset": 4, "dict_size": ARCHIVE_WINDOW}
    with (
        lzma.open(f"{directory}.tar.xz", "wb", filters=[window]) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        archive.add(directory, arcname=".")


def _export(precision: Precision, output: Path, graph_format: FormatName = "onnx") -> None:
    def quiet(_: str) -> AbstractContextManager[None]:
        return nullcontext()

    request = ExportRequest(
        checkpoint=CHECKPOINT,
        output=output,
        precision=precision,
        format=graph_format,
        sentences=SENTENCES,
    )
    export(request, quiet)


def _workload(sentences: list[str]) -> Workload:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "float32"
        _export("float32", path)
        bundle = Bundle.load(path)
        tokenizer = load_tokenizer(bundle)
        sources = [tokenizer.encode(sentence) for sentence in sentences]
        shape = cache_shape(
            bundle.manifest,
            max_rows=MAX_ROWS,
            target_capacity=MAX_LENGTH + 1,
            source_capacity=max(map(len, sources)),
        )
        runner = load_runners(bundle, "cpu", lambda _: shape, cores=1, engines=1).runners[0]
        expected = {}
        for beam_size in BEAM_SIZES:
            options = TranslationOptions(MAX_LENGTH, beam_size=beam_size)
            requests = [(source, options) for source in sources]
            completions = translate_all(runner, bundle.manifest, requests, max_rows=MAX_ROWS)
            expected[beam_size] = [completion.token_ids for completion in completions]
        return Workload(sources, expected, _cross(bundle, sources, expected[1]))


def _cross(bundle: Bundle, sources: list[list[int]], targets: list[list[int]]) -> list[Weights]:
    options = TranslationOptions(MAX_LENGTH, return_attention=True)
    texts = [
        Finished(source, options, Completion(target, FinishReason.STOP, None))
        for source, target in zip(sources[:CROSS_COUNT], targets[:CROSS_COUNT], strict=True)
    ]
    found = []
    for outcome in AttentionRunner(bundle, load_attention).run(texts):
        assert isinstance(outcome, Attention)
        assert outcome.cross is not None
        found.append(outcome.cross.astype(float).round(CROSS_DIGITS).tolist())
    return found


if __name__ == "__main__":
    main()
