"""Google's names of resources, and labels: what is right, and which of our names are in them.

Projects and locations are taken as they come: a server has none. Knows strings.
"""

import re
from collections.abc import Mapping

from dragoman_server.errors import InvalidArgumentError, shorten
from dragoman_server.service import wrong_field

_ID = r"[^/\s]{1,256}"
_PROJECT = rf"projects/{_ID}"
_LOCATION = rf"{_PROJECT}/locations/{_ID}"

_PARENT = re.compile(rf"{_PROJECT}(?:/locations/{_ID})?")
_PLACE = re.compile(_LOCATION)
_MODEL = re.compile(rf"{_LOCATION}/models/(?:general/(?P<general>{_ID})|(?P<name>{_ID}))")
_DETECTION = re.compile(rf"{_LOCATION}/models/language-detection/default")
_GLOSSARY = re.compile(rf"{_LOCATION}/glossaries/(?P<name>{_ID})")

_GENERAL = ("nmt", "base")
"""Google's own models, in place of which any of ours will do."""

MOST_LABELS = 64
_LABEL = re.compile(r"[\w-]{0,63}")


def check_parent(parent: str) -> None:
    """Raises InvalidArgumentError where it is neither a project nor a location."""
    if not _PARENT.fullmatch(parent):
        raise _malformed(
            "parent", parent, "projects/PROJECT or projects/PROJECT/locations/LOCATION"
        )


def check_location(parent: str) -> None:
    """Raises InvalidArgumentError where it is no location."""
    if not _PLACE.fullmatch(parent):
        raise _malformed("parent", parent, "projects/PROJECT/locations/LOCATION")


def model_of(path: str, field: str = "model") -> str:
    """Returns the name of our model that a path means; empty where any will do.

    Raises:
        InvalidArgumentError: It is no path of a model, or that of another model of Google's.
    """
    if not path:
        return ""
    found = _MODEL.fullmatch(path)
    if found is None or found["general"] not in (None, *_GENERAL):
        form = "projects/PROJECT/locations/LOCATION/models"
        raise _malformed(field, path, f"empty, {form}/general/nmt or {form}/NAME")
    return found["name"] or ""


def check_detection_model(path: str) -> None:
    """Raises InvalidArgumentError where a path means another model than the one that there is."""
    if path and not _DETECTION.fullmatch(path):
        form = "projects/PROJECT/locations/LOCATION/models/language-detection/default"
        raise _malformed("model", path, f"empty or {form}")


def glossary_of(path: str, field: str = "glossary_config.glossary") -> str:
    """Returns the name of our glossary that a path means.

    Raises:
        InvalidArgumentError: It is no path of a glossary.
    """
    found = _GLOSSARY.fullmatch(path)
    if found is None:
        raise _malformed(field, path, "projects/PROJECT/locations/LOCATION/glossaries/NAME")
    return found["name"]


def check_labels(labels: Mapping[str, str]) -> None:
    """Raises InvalidArgumentError where there are too many, or one is not as Google wants it."""
    if len(labels) > MOST_LABELS:
        raise wrong_field(
            "labels", f"{len(labels)} of them", f"at most {MOST_LABELS}", reason="TOO_MANY_LABELS"
        )
    for key, value in labels.items():
        begins = key[:1].isalpha()
        if not (begins and _is_label(key) and _is_label(value)):
            raise wrong_field(
                "labels",
                f"{shorten(key)}: {shorten(value)}",
                "keys and values of at most 63 lower-case letters, digits, _ and -, keys that "
                "begin with a letter",
                reason="LABEL_MALFORMED",
            )


def _is_label(text: str) -> bool:
    return _LABEL.fullmatch(text) is not None and text == text.lower()


def _malformed(field: str, given: str, allowed: str) -> InvalidArgumentError:
    return wrong_field(field, shorten(given), allowed, reason="NAME_MALFORMED", verb="is")
