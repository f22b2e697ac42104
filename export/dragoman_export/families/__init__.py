"""One importer for each family of checkpoints, onto the canonical Transformer.

Knows the families' settings, tensors and languages. Does not know what is made of the model.
"""

from dragoman_export.families.importers import import_model
from dragoman_export.families.languages import LanguagePair, language_pairs

__all__ = [
    "LanguagePair",
    "import_model",
    "language_pairs",
]
