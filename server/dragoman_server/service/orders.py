"""What a request asks for, apart from its texts: languages and options, as tokens and numbers.

Knows one model's languages and limits. Does not know what becomes of the texts.
"""

from dataclasses import replace
from typing import NamedTuple

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import Limits, StreamTranslateTextRequest, TranslateTextRequest
from dragoman_server.errors import InvalidArgumentError, NotFoundError
from dragoman_server.models import Languages, primary
from dragoman_server.service.alignment import without_graph
from dragoman_server.service.options import OptionsReader, RequestOptions, TargetCodec
from dragoman_server.terminology import Pair
from dragoman_server.texts import Spacing

MOST_ORDERS = 256
"""Different ones that are remembered."""

MOST_OPTION_BYTES = 1024
"""Of options that are remembered; they may hold long texts."""


class Order(NamedTuple):
    """What a request asks for."""

    source_prefix: list[int]
    source_suffix: list[int]
    forced: int
    """Tokens that a target begins with and that are no part of the text."""
    options: RequestOptions
    source_language: str
    """Primary subtag of the texts' language: how they are split into sentences."""
    spacing: Spacing
    """Between the sentences of a translation."""
    pair: Pair
    """Its languages, by the model's codes."""
    explains: bool = False
    """Whether the alignment or the attention of a translation is told."""
    rates: bool = False
    """Whether it is told how sure a translation is."""
    tells_token_scores: bool = True
    """Whether token scores are told where there are any."""


class Orders:
    """Reads what requests ask of a model; most ask for what others asked for before.

    Args:
        manifest: The model's.
        limits: What a request may ask for.
        tokenizer: Cuts texts among the options into target tokens.
    """

    def __init__(self, manifest: Manifest, limits: Limits, tokenizer: TargetCodec) -> None:
        self._languages = Languages(manifest)
        self._options = OptionsReader(manifest, limits, tokenizer)
        self._known: dict[tuple[str, str, bytes, bool, bool, bool], Order] = {}
        self._is_calibrated = manifest.HasField("calibration")
        self._name = manifest.name
        self._has_graph = manifest.HasField("attention")

    @property
    def aligns(self) -> bool:
        """Whether a request may ask for alignments."""
        return self._has_graph

    def translates(self, source: str, target: str) -> bool:
        """Whether there is a pair for these codes, or several; empty ones fit every language.

        Raises:
            InvalidArgumentError: A code is too long.
        """
        try:
            self._languages.find(source, target)
        except NotFoundError:
            return False
        except InvalidArgumentError as error:
            if error.reason != "LANGUAGE_REQUIRED":
                raise
        return True

    def read(self, request: TranslateTextRequest | StreamTranslateTextRequest) -> Order:
        """Returns what a request asks for.

        Raises:
            InvalidArgumentError, NotFoundError: The model cannot do it.
        """
        source, target = request.source_language_code, request.target_language_code
        options = request.options.SerializeToString()
        told = request.return_alignment, request.return_attention, request.return_confidence
        key = (source, target, options, *told)
        if (order := self._known.get(key)) is None:
            order = self._read(request)
            if len(options) <= MOST_OPTION_BYTES:
                if len(self._known) >= MOST_ORDERS:
                    self._known.clear()
                self._known[key] = order
        return order

    def _read(self, request: TranslateTextRequest | StreamTranslateTextRequest) -> Order:
        source, target = self._languages.find(
            request.source_language_code, request.target_language_code
        )
        forced = tuple(target.target_prefix_ids)
        order = Order(
            [*target.source_prefix_ids, *source.prefix_ids],
            list(source.suffix_ids),
            len(forced),
            self._options.read(request.options, forced),
            primary(request.source_language_code or source.language_code),
            Spacing(primary(target.language_code)),
            Pair(source.language_code, target.language_code),
        )
        if request.return_alignment or request.return_attention:
            order = self._explained(order, request)
        return self._rated(order) if request.return_confidence else order

    def _explained(
        self, order: Order, request: TranslateTextRequest | StreamTranslateTextRequest
    ) -> Order:
        """The same, with alignment or attention told."""
        if not self._has_graph:
            field = "return_alignment" if request.return_alignment else "return_attention"
            raise without_graph(field, self._name)
        common = replace(
            order.options.common,
            return_alignment=request.return_alignment,
            return_attention=request.return_attention,
        )
        return order._replace(options=order.options._replace(common=common), explains=True)

    def _rated(self, order: Order) -> Order:
        """The same, with how sure a translation is."""
        if not self._is_calibrated:
            raise not_calibrated(self._name)
        common = order.options.common
        tells, common = common.return_token_scores, replace(common, return_token_scores=True)
        options = order.options._replace(common=common)
        return order._replace(options=options, rates=True, tells_token_scores=tells)


def not_calibrated(model: str) -> InvalidArgumentError:
    """Returns the error about a confidence that nobody has found out for a model."""
    allowed = "false until `dragoman calibrate` has been run on its bundle"
    return InvalidArgumentError(
        f"return_confidence is true; allowed for model {model}: {allowed}",
        field="return_confidence",
        reason="NOT_CALIBRATED",
        given="true",
        allowed=allowed,
    )
