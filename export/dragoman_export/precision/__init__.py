"""Makes a model's layers and caches smaller: int8 with calibrated scales, float16, bfloat16.

Knows modules and what is measured of them. Does not know graphs or files.
"""

from dragoman_export.precision.calibrate import Calibration
from dragoman_export.precision.half import HalfPrecision, with_half_precision
from dragoman_export.precision.int8_caches import with_int8_caches
from dragoman_export.precision.listed import TokenWeights
from dragoman_export.precision.quantise import ActivationScales

__all__ = [
    "ActivationScales",
    "Calibration",
    "HalfPrecision",
    "TokenWeights",
    "with_half_precision",
    "with_int8_caches",
]
