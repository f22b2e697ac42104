"""Exports a checkpoint as Optimum does. Runs in Optimum's environment; nobody calls it by hand.

python -m tests.bench.optimum_model CHECKPOINT OUTPUT
"""

import logging
import sys
import warnings

from optimum.exporters.onnx import main_export


def main() -> None:
    """Writes an encoder and a decoder whose first step and later ones are one graph."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    checkpoint, output = sys.argv[1:]
    main_export(
        checkpoint,
        output=output,
        task="text2text-generation-with-past",
        framework="pt",
        dtype="fp32",
        do_validation=False,
        library_name="transformers",
    )


if __name__ == "__main__":
    main()
