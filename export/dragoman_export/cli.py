"""The command `dragoman export`: arguments in, progress on stderr, an exit code out."""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import get_args

from dragoman.v1 import bundle_pb2
from dragoman_export.check import describe
from dragoman_export.drafts import ScaleChoice
from dragoman_export.errors import ExportError, UsageError
from dragoman_export.export import ExportRequest, export
from dragoman_export.graphs import FormatName
from dragoman_export.manifest import Precision
from dragoman_export.progress import LineProgress, TerminalProgress
from dragoman_export.sentences import SENTENCES

FAILURE = 2
"""Exit code of a request or a checkpoint that cannot be served."""

ENDING = (signal.SIGTERM, signal.SIGHUP)

SIGNALLED = 128
"""Plus the signal's number: the exit code of who was told to end."""


def main(argv: list[str]) -> int:
    """Runs the command; `argv` are the arguments after `export`.

    Returns:
        0, or 2 after one clear message on stderr.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.output is None and not arguments.check:
        parser.error("--output is needed, or --check")
    progress = TerminalProgress() if sys.stderr.isatty() else LineProgress()
    try:
        with _leaving_tidily():
            request = _request(arguments)
            if arguments.check:
                print(describe(request))
                return 0
            manifest = export(request, progress.stage, progress.done)
    except ExportError as error:
        print(f"dragoman export: {error}", file=sys.stderr)
        return FAILURE
    print(_summary(manifest, arguments.output), file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dragoman export",
        description="Turn a checkpoint into a model bundle.",
    )
    parser.add_argument("checkpoint", type=Path, help="directory of the checkpoint")
    parser.add_argument("--output", type=Path, help="directory of the bundle")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing: say what the checkpoint is, what would come of it, and what hinders",
    )
    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="float32",
        help="of the weights; of ONNX float16 and bfloat16 are for GPUs, the others for CPUs; the "
        "other formats have no int8",
    )
    parser.add_argument(
        "--format",
        choices=get_args(FormatName),
        default="onnx",
        help="of the graphs: ONNX for onnxruntime, or for PyTorch, on CPUs and GPUs, TorchScript, "
        "which is deprecated, or its heir, torch.export's .pt2",
    )
    parser.add_argument(
        "--activation-scales",
        choices=get_args(ScaleChoice),
        default="auto",
        help="of int8: constants calibrated on the sentences, one per row at run time, or auto, "
        "which is calibrated unless that costs quality",
    )
    parser.add_argument("--name", help="of the model; default: the checkpoint directory's")
    for side in ("source", "target"):
        parser.add_argument(
            f"--{side}-language",
            help="BCP-47 code, several joined by '+'; default: all of the checkpoint's",
        )
    parser.add_argument(
        "--source-prefix",
        help="text before every source, for models that are told so what to do: "
        "'translate English to German: '",
    )
    parser.add_argument(
        "--sentences", type=Path, help="verify on these, one a line; default: a built-in sample"
    )
    parser.add_argument(
        "--verify-sentences",
        type=_at_least_one,
        metavar="N",
        help="verify on so many of the sentences, for models that take long; default: all",
    )
    parser.add_argument(
        "--no-attention",
        dest="attention",
        action="store_false",
        help="leave out the graph of attention weights, without which no alignment is told",
    )
    parser.add_argument(
        "--alignment-gold",
        type=Path,
        metavar="FILE",
        help="choose the heads that align by a file of alignments made by people: source, target "
        "and links such as 0-0 1p2, with tabs between; default: by IBM's model 1",
    )
    parser.add_argument(
        "--shortlist",
        type=Path,
        metavar="FILE",
        help="of int8 into one language: make lists, of which tokens a sentence's translation may "
        "choose among, of what the model says of these sentences, one a line; 100,000 or more of "
        "the kind that will be translated (docs/models.md)",
    )
    parser.add_argument("--force", action="store_true", help="replace the bundle at --output")
    return parser


def _request(arguments: argparse.Namespace) -> ExportRequest:
    return ExportRequest(
        checkpoint=arguments.checkpoint,
        output=arguments.output or Path(),
        precision=arguments.precision,
        format=arguments.format,
        sentences=_lines(arguments.sentences, "--sentences") or SENTENCES,
        shortlist=_lines(arguments.shortlist, "--shortlist"),
        name=arguments.name,
        source_language=arguments.source_language,
        target_language=arguments.target_language,
        activation_scales=arguments.activation_scales,
        verify_sentences=arguments.verify_sentences,
        source_prefix=arguments.source_prefix,
        attention=arguments.attention,
        alignment_gold=arguments.alignment_gold,
        force=arguments.force,
    )


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _lines(path: Path | None, option: str) -> tuple[str, ...] | None:
    """The lines of a file that are not empty; None where none is given.

    Raises:
        UsageError: It cannot be read, or has none.
    """
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {option} {path}: {error}") from error
    found = tuple(line for line in lines if line.strip())
    if not found:
        raise UsageError(f"{option} {path} has no line that is not empty; it takes sentences")
    return found


@contextmanager
def _leaving_tidily() -> Iterator[None]:
    """Who is told to end unwinds first: half a bundle is nobody's."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(SIGNALLED + number)

    before = {number: signal.signal(number, leave) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summary(manifest: bundle_pb2.Manifest, output: Path) -> str:
    parity = manifest.parity
    megabytes = sum(file.size_bytes for file in manifest.files) / 1e6
    same = parity.sentence_count - parity.different_count
    scales = f" with {manifest.activation_scales} scales" if manifest.activation_scales else ""
    return (
        f"{output}: {manifest.name}, {manifest.precision}{scales}, {manifest.format}, "
        f"{megabytes:.1f} MB; "
        f"{same} of {parity.sentence_count} sentences as in PyTorch, token for token"
        f" ({parity.tie_count} ties), log-probabilities within "
        f"{parity.max_log_prob_difference:.1e}, {parity.mean_log_prob_difference:.1e} in the mean"
        f"{_lists(manifest)}"
    )


def _lists(manifest: bundle_pb2.Manifest) -> str:
    """What a shortlist changes, where there is one."""
    if not manifest.HasField("shortlist"):
        return ""
    report = manifest.shortlist.report
    return (
        f"; with its shortlist {report.identical_count} of {report.sentence_count} other sentences "
        f"as without, of {report.mean_tokens:.0f} tokens a list in the mean"
    )
