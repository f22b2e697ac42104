"""One importer for each family of checkpoints, onto the canonical Transformer.

Knows the families' settings, tensors and languages. Does not know what is made of the model.
"""

from dragoman_export.families.languages import Languages, find_languages
from dragoman_export.families.layouts import import_model

__all__ = [
    "Languages",
    "find_languages",
    "import_model",
]
