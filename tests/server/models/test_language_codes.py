"""What codes of languages say."""

import pytest

from dragoman_server.models import names, script


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("de", "latn"),
        ("deu_Latn", "latn"),
        ("ru", "cyrl"),
        ("zh", "hans"),
        ("zh-TW", "hant"),
        ("zho_Hant", "hant"),
        ("sr", "cyrl"),
        ("sr-Latn", "latn"),
        ("nb", "latn"),
        ("ja", "jpan"),
        ("x-klingon", ""),
        ("", ""),
    ],
)
def test_a_language_is_written_in_its_script_unless_its_code_says_another(
    code: str, expected: str
) -> None:
    assert script(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [("de-AT", {"de"}), ("nb", {"nb", "no"}), ("cmn_Hans", {"zh", "cmn"}), ("no", {"no", "nb"})],
)
def test_a_language_goes_by_all_its_names(code: str, expected: set[str]) -> None:
    assert names(code) == expected
