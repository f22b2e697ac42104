"""What an entry of the key file or a claim of a token grants, as it is written.

Knows the form and its limits, and says what is wrong with one without quoting it: whoever mistakes
a field may have put a key there. Does not know who is granted it.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dragoman_server.access.principal import ADMINISTRATION, ALL, FILES, Limits, Principal
from dragoman_server.setting_types import Number

METHODS = (
    *("TranslateText", "StreamTranslateText", "DetectLanguage", "ListModels"),
    ADMINISTRATION,
    FILES,
)
"""That can be granted."""

MOST_NAMES = 1000
MOST_NAME_CHARACTERS = 200

Name = Annotated[str, Field(min_length=1, max_length=MOST_NAME_CHARACTERS)]
Names = Annotated[frozenset[Name], Field(max_length=MOST_NAMES)]
Methods = Annotated[
    frozenset[Annotated[str, Field(pattern=f"^({'|'.join(METHODS)}|\\{ALL})$")]],
    Field(max_length=MOST_NAMES),
]
Rate = Annotated[float, Field(ge=0.001, le=1e9), Number]


class Grant(BaseModel):
    """What a caller may do."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,  # most servers have neither keys nor tokens
    )

    methods: Methods
    """Names of methods, `*` for all of TranslationService, AdminService for all of that one, and
    BatchTranslateText."""
    models: Names
    """Names of models, or `*`."""
    texts_per_second: Rate | None = None
    """Default: no limit."""
    code_points_per_second: Rate | None = None
    """Default: no limit."""
    burst_seconds: Annotated[float, Field(ge=0.1, le=86_400), Number] = 10.0
    """What may be asked for at once after a rest, in seconds of the rates."""
    weight: Annotated[float, Field(ge=0.01, le=100), Number] = 1.0
    """Share of the engines where others wait, beside theirs."""

    def principal(self, name: str) -> Principal:
        """Returns the caller of a name that is granted this."""
        limits = Limits(self.texts_per_second, self.code_points_per_second, self.burst_seconds)
        return Principal(name, self.methods, self.models, limits, self.weight)


def problems(error: ValidationError, kind: type[BaseModel]) -> str:
    """Returns what is wrong, by places and rules alone."""
    told = []
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        place = next((part for part in detail["loc"][:1] if part in kind.model_fields), "")
        if detail["type"] == "extra_forbidden":
            allowed = ", ".join(kind.model_fields)
            told.append(f"there is an unknown field; allowed are {allowed}")
        elif place:
            told.append(f"{place}: {_rule(detail['msg'])}")
        else:
            told.append(_rule(detail["msg"]))
    return "; ".join(dict.fromkeys(told))


def _rule(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input ", "").replace("frozenset", "list")
