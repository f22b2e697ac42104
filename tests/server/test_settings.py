"""Where settings come from, and what is said of a wrong one."""

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.settings import load_config

BUNDLE = ["--bundle", "b"]


def load(*argv: str) -> Config:
    return load_config(argv, os.environ)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "dragoman.yaml"


def test_flags_go_before_variables_before_the_file_before_defaults(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("bundle: from-file\nport: 1\nmax_contents: 1\nmax_batch_size: 1\n")
    monkeypatch.setenv("DRAGOMAN_PORT", "2")
    monkeypatch.setenv("DRAGOMAN_MAX_CONTENTS", "2")
    config = load("--config", str(file), "--port", "3")
    assert config.bundle == (Path("from-file"),)
    assert (config.port, config.max_contents, config.max_batch_size) == (3, 2, 1)
    assert config.max_queue_size == 4096


def test_the_file_may_be_named_by_a_variable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("bundle: from-file\n")
    monkeypatch.setenv("DRAGOMAN_CONFIG", str(file))
    assert load().bundle == (Path("from-file"),)


def test_the_spec_example_is_understood() -> None:
    config = load(*BUNDLE, "--host", "127.0.0.1", "--port", "50051", "--prometheus-port=9464")
    assert (config.host, config.port, config.prometheus_port) == ("127.0.0.1", 50051, 9464)


def test_an_empty_file_says_nothing(file: Path) -> None:
    file.write_text("# nothing\n")
    assert load(*BUNDLE, "--config", str(file)).port == 50051


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "bundle is missing: give --bundle or DRAGOMAN_BUNDLE"),
        (
            [*BUNDLE, "--prometeus-port", "1"],
            "unknown flag --prometeus-port: did you mean --prometheus-port?",
        ),
        ([*BUNDLE, "--max-batch", "1"], "unknown flag --max-batch: did you mean --max-batch-size?"),
        ([*BUNDLE, "stray"], "unexpected argument stray"),
        ([*BUNDLE, "--port"], "argument --port: expected one argument"),
        (
            [*BUNDLE, "--port", "70000"],
            "--port is '70000' but should be a whole number from 0 to 65,535",
        ),
        ([*BUNDLE, "--port", "http"], "--port is 'http' but should be a whole number from 0"),
        (
            [*BUNDLE, "--max-queue-size", "0"],
            "--max-queue-size is '0' but should be a whole number from 1 to 1,000,000",
        ),
        (
            [*BUNDLE, "--provider", "gpu"],
            "--provider is 'gpu' but should be 'auto', 'cpu' or 'cuda'",
        ),
        (
            [*BUNDLE, "--runtime", "pytorch"],
            "--runtime is 'pytorch' but should be 'auto', 'onnxruntime' or 'torch'",
        ),
        (
            [*BUNDLE, "--runtime", "onnxruntime", "--fixed-batch-shapes"],
            "fixed_batch_shapes is for runtime torch or auto, not onnxruntime",
        ),
        (
            [*BUNDLE, "--tls-certificate", "c"],
            "tls_certificate and tls_private_key are needed together",
        ),
        ([*BUNDLE, "--tls-client-ca", "c"], "tls_client_ca needs tls_certificate"),
        (
            [*BUNDLE, "--config", "nowhere.yaml"],
            "cannot read nowhere.yaml: No such file or directory",
        ),
    ],
)
def test_a_wrong_flag_is_told_with_what_is_allowed(argv: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(*argv)
    assert message in str(caught.value)


NUMBERS = [
    name
    for name, field in Config.model_fields.items()
    if any(kind in str(field.annotation) for kind in ("int", "float", "ByteSize"))
    and name != "model_weights"
]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value", ["-1e9", "1e30", "nan", "inf", "-1", "9" * 5000, "9" * 25, "", "1_0x", "true"]
)
def test_every_number_has_limits_and_says_them(name: str, value: str) -> None:
    with pytest.raises(
        ConfigError, match=r"should be a (whole )?number from [\d,.]+ to [\d,.]+"
    ) as caught:
        load(*BUNDLE, f"--{name.replace('_', '-')}={value}")
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", NUMBERS)
def test_yes_and_no_are_no_numbers(name: str, file: Path) -> None:
    file.write_text(f"{name}: yes\n")
    with pytest.raises(ConfigError, match=f"{name} in .* is True but should be a"):
        load(*BUNDLE, "--config", str(file))


@pytest.mark.parametrize("host", ["", "a" * 64, "a..b", "\x07"])
@pytest.mark.parametrize("flag", ["--host", "--prometheus-host"])
def test_what_is_no_host_is_told(flag: str, host: str) -> None:
    with pytest.raises(ConfigError, match=f"{flag} is .* but a host's name or address is wanted"):
        load(*BUNDLE, flag, host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1", "localhost", "b\u00fccher.example"])
def test_addresses_and_names_are_hosts(host: str) -> None:
    assert load(*BUNDLE, "--host", host).host == host


@pytest.mark.parametrize(
    "endpoint",
    [
        *("", "localhost:4317", "grpc://localhost:4317", "http://", "http://h:x"),
        *("http://h:99999", "http://h/path", "http://h:0", "http://h\n"),
    ],
)
def test_what_is_no_collector_is_told(endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"--otlp-endpoint is .* but http://HOST:PORT or https"):
        load(*BUNDLE, "--otlp-endpoint", endpoint)


@pytest.mark.parametrize("endpoint", ["http://localhost:4317", "https://collector.example/"])
def test_a_collector_is_a_url(endpoint: str) -> None:
    assert load(*BUNDLE, "--otlp-endpoint", endpoint).otlp_endpoint == endpoint


def test_a_path_has_no_nul(file: Path) -> None:
    file.write_text('bundle: "a\\0b"\n')
    with pytest.raises(ConfigError, match=r"bundle in .* but a path is wanted"):
        load("--config", str(file))


def test_what_is_no_settings_file_is_told(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(ConfigError, match="it is not a file"):
        load(*BUNDLE, "--config", str(file))
    file.unlink()
    file.write_text("[" * 100_000)
    with pytest.raises(ConfigError, match="is not a YAML file"):
        load(*BUNDLE, "--config", str(file))
    with file.open("wb") as grown:
        grown.truncate(1 << 40)
    with pytest.raises(ConfigError, match="bytes; allowed"):
        load(*BUNDLE, "--config", str(file))


def test_every_wrong_value_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"--port is .*; --max-contents is "):
        load(*BUNDLE, "--port", "x", "--max-contents", "x")


def test_a_wrong_value_is_told_by_the_variable_it_came_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DRAGOMAN_PORT", "x")
    with pytest.raises(
        ConfigError, match=r"^DRAGOMAN_PORT is 'x' but should be a whole number from"
    ):
        load(*BUNDLE)


def test_an_unknown_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_MAX_QUEUESIZE", "1")
    with pytest.raises(
        ConfigError,
        match="unknown variable DRAGOMAN_MAX_QUEUESIZE: did you mean DRAGOMAN_MAX_QUEUE_SIZE",
    ):
        load(*BUNDLE)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DRAGOMAN_PORT", "tcp://10.0.0.1:50051"),
        ("DRAGOMAN_SERVICE_HOST", "10.0.0.1"),
        ("DRAGOMAN_SERVICE_PORT_GRPC", "50051"),
        ("DRAGOMAN_PORT_50051_TCP_ADDR", "10.0.0.1"),
        ("DRAGOMAN_METRICS_SERVICE_PORT", "9464"),
    ],
)
def test_what_kubernetes_injects_is_explained(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match="enableServiceLinks: false"):
        load(*BUNDLE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("prot: 1", r"unknown setting prot in .*: did you mean port\?"),
        ("port: x", "port in .* is 'x' but should be a whole number from"),
        ("config: other.yaml", "unknown setting config in "),
        ("- port", "must hold `name: value` lines, not a list"),
        ("port: [", "is not a YAML file: .*line"),
    ],
)
def test_a_wrong_file_is_told(file: Path, content: str, message: str) -> None:
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load(*BUNDLE, "--config", str(file))


def test_every_setting_has_a_flag_with_a_help_text(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load("--help")
    help_text = capsys.readouterr().out
    for name, field in Config.model_fields.items():
        assert f"--{name.replace('_', '-')} " in help_text
        assert field.description
    assert "(0 to 65535; default: 50051)" in help_text


@pytest.mark.parametrize(
    ("name", "placeholder", "told"),
    [
        ("provider", "{auto,cpu,cuda}", "(default: auto)"),
        ("log_level", "{debug,info,warning,error}", "(default: info)"),
        ("playground", "[{true,false}]", "(default: False)"),
        ("host", "HOST", "(default: 127.0.0.1)"),
        ("api_keys", "PATH", "unless jwt_jwks is set."),
        ("jwt_issuer", "TEXT", "needed with jwt_jwks. (default: none)"),
        ("health_port", "PORT", "(0 to 65535)"),
        ("engines", "N", "(1 to 1024)"),
        ("max_queue_size", "N", "(1 to 1,000,000; default: 4096)"),
        ("kv_cache_memory", "BYTES", "(1 to 1,048,576 GiB)"),
        ("max_message_bytes", "BYTES", "(1024 to 1 GiB)"),
        ("drain_timeout_seconds", "SECONDS", "(0 to 86,400; default: 30.0)"),
        ("tls_certificate", "PATH", "Default: no TLS."),
        ("config", "PATH", "(default: none)"),
        ("bundle", "PATH", "Default: none; bundle or models is needed."),
    ],
)
def test_help_says_what_is_allowed_and_what_applies_where_nothing_is_said(
    capsys: pytest.CaptureFixture[str], name: str, placeholder: str, told: str
) -> None:
    with pytest.raises(SystemExit):
        load("--help")
    flag = f"--{name.replace('_', '-')} {placeholder} "
    help_text = " ".join(capsys.readouterr().out.partition("options:")[2].split())
    assert help_text.partition(flag)[2].partition(" --")[0].endswith(told)


def test_no_number_is_without_limits_and_nothing_without_a_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        load("--help")
    help_text = " ".join(capsys.readouterr().out.partition("options:")[2].split())
    for name in Config.model_fields:
        _, _, entry = help_text.partition(f"--{name.replace('_', '-')} ")
        entry = entry.partition(" --")[0]
        assert re.search("[dD]efault: |Required", entry), name
        if re.match("(N|PORT|BYTES|SECONDS) ", entry):
            assert " to " in entry.rpartition("(")[2], name


def test_settings_cannot_be_changed() -> None:
    config = load(*BUNDLE)
    with pytest.raises(ValidationError):
        config.port = 1  # type: ignore[misc]


def test_the_key_of_a_client_is_no_setting_and_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DRAGOMAN_API_KEY", "dragoman_canary")
    with pytest.raises(ConfigError) as caught:
        load(*BUNDLE)
    assert "DRAGOMAN_API_KEY is what clients send" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_entries_of_keys_are_never_quoted(file: Path) -> None:
    file.write_text("bundle: b\napi_key_entries: [{name: dragoman_canary}]\n")
    with pytest.raises(ConfigError) as caught:
        load("--config", str(file))
    assert "api_key_entries" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_entries_of_keys_may_be_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load(*BUNDLE).controls_access
    monkeypatch.setenv("DRAGOMAN_API_KEY_ENTRIES", "[]")
    config = load(*BUNDLE)
    assert config.api_key_entries == "[]"
    assert config.controls_access


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--api-keys", "a", "--api-key-entries", "[]"], "are not needed together"),
        (["--jwt-jwks", "a"], "jwt_jwks needs jwt_issuer and jwt_audience"),
        (["--jwt-jwks", "a", "--jwt-issuer", "b"], "jwt_jwks needs jwt_issuer and jwt_audience"),
        (["--jwt-jwks", "a", "--jwt-issuer", "", "--jwt-audience", "c"], "jwt_jwks needs"),
        (["--jwt-issuer", "b"], "need jwt_jwks"),
        (["--jwt-algorithm", "none"], "--jwt-algorithm is 'none' but"),
        (["--jwt-algorithm", "HS256"], "--jwt-algorithm is 'HS256' but"),
    ],
)
def test_settings_of_access_are_whole(argv: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load(*BUNDLE, *argv)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], False),
        (["--playground"], True),
        (["--playground", "--port", "1"], True),
        (["--playground", "true"], True),
        (["--playground=false"], False),
    ],
)
def test_a_switch_needs_no_value_and_is_off_unless_it_is_given(
    argv: list[str], expected: bool
) -> None:
    assert load(*argv, *BUNDLE).playground is expected


def test_a_switch_that_is_neither_on_nor_off_is_told() -> None:
    with pytest.raises(ConfigError, match="--playground is 'maybe' but should be a valid boolean"):
        load(*BUNDLE, "--playground", "maybe")


def test_a_playground_speaks_no_tls_to_the_server() -> None:
    files = ["--tls-certificate", "c", "--tls-private-key", "k"]
    assert not load(*BUNDLE, *files).playground
    with pytest.raises(ConfigError, match="run `dragoman playground`"):
        load(*BUNDLE, *files, "--playground")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([*BUNDLE, "--admin-port", "1"], "admin_port needs models"),
        (
            ["--models", "m", "--admin-port", "1", "--admin-host", "0.0.0.0"],
            "admin_port on 0.0.0.0 needs api_keys, api_key_entries or jwt_jwks",
        ),
    ],
)
def test_administration_is_complete(argv: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(*argv)
    assert message in str(caught.value)
    assert load("--models", "m", "--admin-port", "1").admin_port == 1


def test_several_bundles_are_given_one_by_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = (Path("a"), Path("b@2"))
    assert load("--bundle", "a", "--bundle", "b@2").bundle == both
    monkeypatch.setenv("DRAGOMAN_BUNDLE", "a:b@2")
    assert load().bundle == both
    monkeypatch.setenv("DRAGOMAN_BUNDLE", "")
    with pytest.raises(ConfigError, match="bundle is missing"):
        load()
    monkeypatch.delenv("DRAGOMAN_BUNDLE")
    file.write_text("bundle: [a, b@2]\nmodel_weights: {a: 2}\n")
    config = load("--config", str(file))
    assert (config.bundle, config.model_weights) == (both, {"a": 2.0})


@pytest.mark.parametrize("value", ["a", "a=", "a=0", "a=1e9", "=1", "a=b"])
def test_a_wrong_weight_is_told(value: str) -> None:
    with pytest.raises(ConfigError, match="--model-weights"):
        load(*BUNDLE, "--model-weights", value)


def test_weights_are_given_together() -> None:
    config = load(*BUNDLE, "--model-weights", "en-de=3, fr=0.5")
    assert config.model_weights == {"en-de": 3.0, "fr": 0.5}


def test_a_switch_stands_alone_or_has_a_value(file: Path) -> None:
    assert not load(*BUNDLE).detect_languages
    assert load(*BUNDLE, "--detect-languages").detect_languages
    assert not load(*BUNDLE, "--detect-languages", "false").detect_languages
    assert load("--detect-languages", *BUNDLE).detect_languages
    file.write_text("bundle: a\ndetect_languages: yes\n")
    assert load("--config", str(file)).detect_languages
    with pytest.raises(ConfigError, match="--detect-languages is 'perhaps' but"):
        load(*BUNDLE, "--detect-languages", "perhaps")


def test_languages_are_given_with_commas_between_or_as_a_list(file: Path) -> None:
    assert load(*BUNDLE).pivot_languages == ()
    assert load(*BUNDLE, "--pivot-languages", "en, fr").pivot_languages == ("en", "fr")
    file.write_text("bundle: a\npivot_languages: [en, fr]\n")
    assert load("--config", str(file)).pivot_languages == ("en", "fr")
    with pytest.raises(ConfigError, match="--pivot-languages is"):
        load(*BUNDLE, "--pivot-languages", "x" * 36)
