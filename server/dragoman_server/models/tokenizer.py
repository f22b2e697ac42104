"""The tokenizer of a bundle. How it works is `dragoman.tokenizer`'s, which export verified."""

from dragoman.tokenizer import SentencePieceTokenizer
from dragoman_server.errors import BundleError
from dragoman_server.models.bundle import Bundle

KIND = "sentencepiece"


class Tokenizer(SentencePieceTokenizer):
    """Text to token ids and back, as a bundle says."""

    def __init__(self, bundle: Bundle) -> None:
        """Reads the bundle's files.

        Raises:
            BundleError: They are no tokenizer's, or those of another kind.
        """
        files = bundle.manifest.tokenizer
        if files.kind != KIND:
            raise BundleError(f"{bundle.path}: tokenizer kind {files.kind!r}, allowed is {KIND!r}")
        try:
            super().__init__(bundle.path, files, bundle.manifest.special_tokens)
        except (OSError, RuntimeError, ValueError) as error:
            raise BundleError(f"{bundle.path}: the tokenizer cannot be read: {error}") from error
