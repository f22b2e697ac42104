"""The key file: what is read, what is refused and how, and whose a key is."""

import hashlib
import time
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dragoman_server.access.keys import PREFIX, Keys, hash_of, new_key
from dragoman_server.access.principal import Limits, Principal
from dragoman_server.errors import ConfigError

NOW = 1_800_000_000.0
CANARY = "dragoman_canary"


def entry(name: str = "acme", **fields: object) -> dict[str, object]:
    return {"name": name, "methods": ["*"], "models": ["*"]} | fields


def read(*entries: object) -> Keys:
    return Keys.read(yaml.safe_dump(list(entries)), "keys.yaml")


def problem(*entries: object) -> str:
    with pytest.raises(ConfigError) as caught:
        read(*entries)
    return str(caught.value)


def test_a_key_is_its_callers_with_all_that_it_may() -> None:
    key = new_key()
    keys = read(
        entry("other", sha256=hash_of(new_key())),
        entry(
            sha256=hash_of(key),
            methods=["ListModels"],
            models=["en-de", "en-fr"],
            texts_per_second=5,
            code_points_per_second=1000,
            burst_seconds=2,
            weight=3,
        ),
    )
    assert keys.find(key, NOW) == Principal(
        "acme",
        frozenset({"ListModels"}),
        frozenset({"en-de", "en-fr"}),
        Limits(5.0, 1000.0, 2.0),
        3.0,
    )


def test_keys_are_random_and_of_256_bits() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith(PREFIX) and len(key) == len(PREFIX) + 43 for key in keys)
    assert not any("." in key for key in keys)  # what has two dots is taken for a token


def test_what_is_kept_is_a_plain_sha_256() -> None:
    assert hash_of("abc") == hashlib.sha256(b"abc").hexdigest()


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_no_other_text_is_a_key(text: str) -> None:
    assert read(entry(sha256=hash_of(new_key()))).find(text, NOW) is None


@given(st.binary(max_size=80))
def test_what_is_no_text_is_no_key(raw: bytes) -> None:
    shown = raw.decode(errors="surrogateescape")
    assert read(entry(sha256=hash_of(new_key()))).find(shown, NOW) is None


def test_a_hash_is_no_key() -> None:
    digest = hash_of(new_key())
    assert read(entry(sha256=digest)).find(digest, NOW) is None


def test_a_key_ends_when_the_file_says() -> None:
    key = new_key()
    ends = datetime.fromtimestamp(NOW, UTC)
    keys = read(entry(sha256=hash_of(key), not_after=ends))
    assert keys.find(key, NOW - 1) is not None
    assert keys.find(key, NOW) is None


def test_a_caller_may_have_an_old_and_a_new_key() -> None:
    old, new = new_key(), new_key()
    keys = read(entry(sha256=hash_of(old)), entry(sha256=hash_of(new)))
    assert keys.find(old, NOW) == keys.find(new, NOW) != None  # noqa: E711


def test_a_certificate_is_its_callers_by_any_of_its_names() -> None:
    keys = read(entry(certificate="spiffe://example/acme"), entry("other", certificate="other"))
    assert keys.knows_certificates
    acme = keys.of_certificate(["x", "spiffe://example/acme"], NOW)
    assert acme is not None
    assert acme.name == "acme"
    assert keys.of_certificate(["nobody"], NOW) is None
    assert keys.of_certificate([], NOW) is None


def test_a_certificate_of_two_callers_is_nobodys() -> None:
    keys = read(entry(certificate="a"), entry("other", certificate="b"))
    assert keys.of_certificate(["a", "b"], NOW) is None


def test_an_empty_list_lets_nobody_in() -> None:
    assert Keys.read("[]", "keys.yaml").find(new_key(), NOW) is None


@pytest.mark.parametrize("text", ["", "keys: []", "acme", "- a", "- [x]"])
def test_what_is_no_list_of_entries_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"keys\.yaml"):
        Keys.read(text, "keys.yaml")


DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "either sha256 or certificate"),
        ({"sha256": DIGEST, "certificate": "a"}, "either sha256 or certificate"),
        ({"sha256": CANARY}, "sha256: "),
        ({"sha256": DIGEST.replace("0", "F")}, "sha256: "),
        ({"sha256": DIGEST, "name": f"a {CANARY}"}, "name: "),
        ({"sha256": DIGEST, "name": "jwt:a"}, "name: "),
        ({"sha256": DIGEST, "methods": [CANARY]}, "methods: "),
        ({"sha256": DIGEST, "methods": "*"}, "methods: should be a valid list"),
        ({"sha256": DIGEST, "models": [""]}, "models: "),
        ({"sha256": DIGEST, "texts_per_second": CANARY}, "texts_per_second: "),
        ({"sha256": DIGEST, "texts_per_second": 0}, "texts_per_second: "),
        ({"sha256": DIGEST, "texts_per_second": True}, "texts_per_second: a number is wanted"),
        ({"sha256": DIGEST, "weight": 1000}, "weight: "),
        ({"sha256": DIGEST, "not_after": CANARY}, "not_after: "),
        ({"sha256": DIGEST, "not_after": datetime(2030, 1, 1)}, "not_after: "),  # noqa: DTZ001
        ({"sha256": DIGEST, CANARY: 1}, "unknown field; allowed are methods, models"),
        ({"sha256": DIGEST, CANARY.encode(): 1}, "Keys should be strings"),
    ],
)
def test_a_wrong_entry_is_told_by_its_number_and_quotes_nothing(
    fields: dict[object, object], told: str
) -> None:
    whole: dict[object, object] = dict(entry().items())
    said = problem(entry("first", sha256="1" * 64), whole | fields)
    assert said.startswith("keys.yaml: entry 2: ")
    assert told in said
    assert CANARY not in said


def test_methods_and_models_must_be_said() -> None:
    said = problem({"name": "acme", "sha256": DIGEST})
    assert "methods: Field required; models: Field required" in said


@pytest.mark.parametrize("text", [f"- *{CANARY}", f"- {{{CANARY}", f"- '{CANARY}", "- \0"])
def test_no_yaml_is_told_without_quoting_it(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Keys.read(text, "keys.yaml")
    assert str(caught.value).startswith("keys.yaml is no YAML")
    assert CANARY not in str(caught.value)


def test_no_key_is_two_callers() -> None:
    one, two = entry(sha256=DIGEST), entry("other", sha256=DIGEST)
    assert problem(one, two) == "keys.yaml: entry 2 has the hash of entry 1"
    one, two = entry(certificate="a"), entry("other", certificate="a")
    assert problem(one, two) == "keys.yaml: entry 2 has the certificate of entry 1"


def test_no_caller_is_granted_two_things() -> None:
    one, two = entry(sha256=DIGEST), entry(sha256="1" * 64, weight=2)
    told = "keys.yaml: entry 2 has the name of entry 1 and grants another thing"
    assert problem(one, two) == told


def test_many_keys_cost_no_more_than_few() -> None:
    """A walk over all of them would take milliseconds."""
    key = new_key()
    many = [entry(f"caller-{n}", sha256=hash_of(str(n))) for n in range(5000)]
    keys = Keys.read(yaml.dump([*many, entry(sha256=hash_of(key))], Dumper=yaml.CSafeDumper), "k")
    began_at = time.process_time()
    for _ in range(1000):
        keys.find(key, NOW)
    assert time.process_time() - began_at < 0.5
