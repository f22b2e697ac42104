"""Converts a checkpoint with CTranslate2's own converter. `large` runs it as a command.

python -m tests.bench.large_ctranslate2 CHECKPOINT OUTPUT PRECISION
"""

import sys

from ctranslate2.converters import TransformersConverter


def main() -> None:
    """Writes the model."""
    checkpoint, output, precision = sys.argv[1:]
    converter = TransformersConverter(checkpoint, low_cpu_mem_usage=True)
    converter.convert(output, quantization=precision, force=True)


if __name__ == "__main__":
    main()
