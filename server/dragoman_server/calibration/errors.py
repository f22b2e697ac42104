"""What is wrong with what a calibration is to be made from."""

from dragoman_server.errors import DragomanError


class CalibrationError(DragomanError):
    """The pairs, or what they show, are not enough for a calibration."""
