"""The settings of the server: what they mean, what is allowed, what applies where nothing is said.

Does not know where a value comes from: settings.py reads flags, environment and file.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from dragoman_server.setting_types import (
    Bytes,
    Code,
    Endpoint,
    File,
    Host,
    Listed,
    Number,
    Paths,
    Port,
    Rows,
    Texts,
    Threads,
    Timeout,
    Tokens,
    Weights,
    is_this_machine,
)


class Config(BaseSettings):
    """Every setting of `dragoman serve`. A default of None means: as the docstring says."""

    model_config = SettingsConfigDict(
        env_prefix="DRAGOMAN_",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    config: File | None = None
    """YAML file with settings. Flags and environment variables go before it."""

    bundle: Paths = ()
    """Directory of the model bundle to serve, or of several: the flag may be repeated, a variable
    separates them by ":", the file has a list. What follows an "@" in a directory's name is the
    model's version. Default: none; bundle or models is needed."""
    models: File | None = None
    """Directory whose directories are bundles, all of which are served. It is looked at again and
    again: bundles that come, go or are replaced, by renaming, are loaded and unloaded without a
    restart. Default: none."""
    models_poll_seconds: Annotated[float, Field(ge=0, le=86_400), Number] = 5.0
    """Time between two looks at models; 0 never looks again."""
    models_memory: Bytes | None = None
    """Most bytes that the files and caches of all models may take together. Default: the memory of
    the machine or its container, where there is more than one model."""
    models_full: Literal["refuse", "unload"] = "refuse"
    """What happens where models_memory has no room for a model that is to be loaded: it is refused,
    or those that were used least lately are unloaded."""
    admin_port: Port | None = None
    """TCP port of the AdminService, which loads and unloads the bundles of models; 0 lets the
    system choose. Default: none, nobody administers the server while it runs."""
    admin_host: Host = "127.0.0.1"
    """Address that the AdminService listens on. Another one than this machine's needs a setting
    that says who may do what, such as api_keys."""
    model_weights: Weights = {}
    """What share of the cores a model gets where others are busy too: NAME=WEIGHT, several with
    commas between; beside one of weight 1, a model of weight 2 gets twice as much. Default: 1
    each."""

    detect_languages: bool = False
    """Whether texts that come without their language are looked at for it, where several would do,
    and DetectLanguage answers. Takes 25 MB in each process that takes calls. Needs the extra
    detection."""
    pivot_languages: Annotated[tuple[Code, ...], NoDecode, Listed] = ()
    """Languages to translate through where no model translates directly and a request names none:
    CODE, or several with commas between, of which the first is taken that will do. Default: none;
    such a request is an error."""
    cache_bytes: Bytes | None = None
    """Most bytes of translations that are kept, in all processes that take calls together, so that
    a caller who sends a text again gets the same translation at once; with or without a unit:
    256MiB. Default: none are kept."""

    host: Host = "127.0.0.1"
    """Address that gRPC listens on. Whoever reaches it may translate, unless api_keys, jwt_jwks or
    tls_client_ca say who may, so the default is this machine alone; "0.0.0.0" or "::" is every
    interface."""
    port: Port = 50051
    """TCP port that gRPC listens on. 0 lets the system choose."""
    interfaces: Annotated[tuple[Literal["google", "riva"], ...], NoDecode, Listed] = ()
    """Other services whose clients are answered on port, beside this server's own: google (Google
    Cloud Translation v3), riva (NVIDIA Riva's translation); several with commas between. Each needs
    the extra of its name. Default: none."""
    http_port: Port | None = None
    """TCP port on which clients of LibreTranslate, DeepL and OpenAI are answered, over HTTP with
    JSON, and with TLS where tls_certificate is set; 0 lets the system choose. Needs the extra http.
    Default: none, they are not."""
    http_host: Host = "127.0.0.1"
    """Address that http_port listens on. Whoever reaches it may translate, as of host."""
    health_port: Port | None = None
    """TCP port on which health alone is answered, always in plain text: for probes that speak no
    TLS. Default: none; health is answered on port."""
    prometheus_host: Host = "127.0.0.1"
    """Address that the metrics are served on."""
    prometheus_port: Port = 9464
    """TCP port that the metrics are served on, under /metrics. 0 lets the system choose."""

    playground: bool = False
    """Whether a page to play with is served, on which people try the models: a client of this
    server, in a thread of its own. Needs the extra http, and no TLS on port."""
    playground_host: Host = "127.0.0.1"
    """Address that the page is served on, in plain HTTP. Whoever reaches it may translate, unless
    callers need keys: then it asks for theirs."""
    playground_port: Port = 8080
    """TCP port that the page is served on. 0 lets the system choose."""

    runtime: Literal["auto", "onnxruntime", "torch"] = "auto"
    """Library that runs the models, which the format of a bundle's graphs settles: onnxruntime runs
    onnx, torch runs torchscript and pt2. One that a bundle is not for refuses it; auto takes
    each."""
    provider: Literal["auto", "cpu", "cuda"] = "auto"
    """What runs the model; auto takes cuda where the bundle and the machine have it."""
    fixed_batch_shapes: bool = False
    """Whether torch takes all rows and positions at each step, however few are in use, for machines
    on which the last bits of a score else depend on what runs beside it. Much slower. Of no account
    with onnxruntime."""
    shortlist: bool = False
    """Whether each sentence chooses among the tokens of a list of its own and not among all, which
    is faster where the vocabulary is large: for bundles that have a shortlist, on cpu. Some
    translations become others, and scores are over the list."""
    engines: Threads | None = None
    """Engines, each with rows of its own. Default: the cores divided by threads_per_engine on cpu,
    one on cuda."""
    threads_per_engine: Threads | None = None
    """CPU threads of one decoding step. Default: what is found to be fastest at start-up, or 1
    where engines is set."""
    engine_processes: Annotated[int, Field(ge=0, le=256), Number] | None = None
    """Processes over which the engines of a model are spread, each with a copy of the weights, on
    cpu; 0 has the engines in the server's own process. Default: 0, but where neither engines nor
    threads_per_engine is set 2 for two or three engines of a very small model, and for four engines
    or more of a small one what is found to be fastest at start-up."""
    max_batch_size: Rows | None = None
    """Rows per engine, which is the most texts that it decodes at once. Cache memory grows with
    it. Default: what kv_cache_memory holds; without that 128, fewer where they would take more than
    2 GiB, but no fewer than 16; on cpu fewer still where the caches of all engines would take more
    than half of the memory of the machine or its container."""
    kv_cache_memory: Bytes | None = None
    """Most bytes that an engine's caches may take, with or without a unit: 4GiB. Where
    max_batch_size is not given they hold as many rows as have room, at most 512. Default: no
    limit."""
    max_encode_tokens: Tokens = 1024
    """Most source tokens encoded in one step, so that arrivals never stall running texts for
    long."""
    max_queue_size: Texts = 4096
    """Most waiting texts; a request beyond them is refused with RESOURCE_EXHAUSTED."""
    workers: Annotated[int, Field(ge=0, le=256), Number] = 0
    """Front-end processes, which share the port: the system hands each connection to one of them.
    0 answers calls in the engines' process."""

    glossaries: File | None = None
    """Directory of glossaries that requests may name: NAME.tsv, NAME@VERSION.tsv or, of TermBase
    eXchange, .tbx; read anew when they change. Default: none."""

    google_storage: File | None = None
    """Directory in whose directories clients of the interface google find their buckets: gs://B/F
    is the file F of its directory B. Default: none; what needs such files is refused."""

    max_input_length: Tokens | None = None
    """Most source tokens of a text, special tokens counted. Default: the model's positions."""
    max_decoding_length: Tokens | None = None
    """Largest max_decoding_length that a request may ask for, in tokens. Default: the model's
    positions less one."""
    max_contents: Texts = 1024
    """Most texts in a request; never more than max_queue_size."""
    max_code_points: Annotated[int, Field(ge=1, le=100_000_000), Number] = 30_000
    """Most code points in all texts of a request together."""
    max_stream_texts: Texts = 256
    """Most unanswered texts of a stream; the server reads no further until one is answered."""
    max_message_bytes: Annotated[int, Field(ge=1024, le=2**30), Number] | None = None
    """Largest message that is received, in bytes; gRPC refuses a larger one with
    RESOURCE_EXHAUSTED. Default: 262144, or 8 for each of max_code_points where that is more."""
    max_header_bytes: Annotated[int, Field(ge=1024, le=2**20), Number] = 16_384
    """Most bytes of a call's headers, unpacked, 32 more for each of them as HTTP/2 counts; a call
    with more is refused with RESOURCE_EXHAUSTED."""
    max_connections: Annotated[int, Field(ge=1, le=1_000_000), Number] = 4096
    """Most connections in each process that takes calls; one beyond them is closed at once. Fewer
    where the process may not open as many files."""
    max_concurrent_requests: Annotated[int, Field(ge=1, le=100_000), Number] = 1024
    """Most calls in progress in each process that takes calls, a stream counted as one; a call
    beyond them is refused with RESOURCE_EXHAUSTED."""
    max_concurrent_streams: Annotated[int, Field(ge=1, le=100_000), Number] = 128
    """Most streams among them. Each may be in the midst of a message, so together they can take so
    many times max_message_bytes of memory."""

    message_timeout_seconds: Annotated[float, Field(ge=0.1, le=3600), Number] = 10.0
    """Time for a call's request to arrive, and for its answer to be taken once all of it is sent; a
    stream may wait between its texts."""
    default_timeout_seconds: Timeout = 600.0
    """Deadline of a call, or of each text of a stream, whose client set none; never more than
    max_timeout_seconds."""
    max_timeout_seconds: Timeout = 3600.0
    """Longest deadline of a call, or of each text of a stream: one that is set later counts as
    this."""
    drain_timeout_seconds: Annotated[float, Field(ge=0, le=86_400), Number] = 30.0
    """Time to answer the accepted requests after SIGTERM; the rest is then refused."""
    max_connection_age_seconds: Annotated[float, Field(ge=0.1, le=2_000_000), Number] | None = None
    """Age at which a connection takes no new calls and is closed once its calls have ended, so that
    clients spread over new replicas. Default: connections are never closed for their age."""
    max_connection_idle_seconds: Annotated[float, Field(ge=0.1, le=2_000_000), Number] | None = None
    """Time without a call after which a connection is closed. Default: one without calls is closed
    only where the other end no longer answers."""

    tls_certificate: File | None = None
    """PEM file with the server's certificate chain. Default: no TLS."""
    tls_private_key: File | None = None
    """PEM file with the private key of tls_certificate."""
    tls_client_ca: File | None = None
    """PEM file with the authorities whose client certificates are let in. Default: clients need
    no certificate."""

    api_keys: File | None = None
    """YAML file with the hashes of API keys, or the names of client certificates, and what each may
    do; read anew when it changes. Default: everybody may do everything, unless jwt_jwks is set."""
    api_key_entries: str | None = None
    """What such a file would hold, in place of api_keys: for an environment variable."""
    jwt_jwks: File | None = None
    """JSON file (JWKS) with the public keys that sign callers' tokens; read anew when it changes.
    Default: no tokens."""
    jwt_issuer: str | None = None
    """Issuer (`iss`) of the tokens; needed with jwt_jwks."""
    jwt_audience: str | None = None
    """Audience (`aud`) that a token must have, such as this service's name; needed with
    jwt_jwks."""
    jwt_algorithm: Literal[
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
    ] = "RS256"
    """How tokens are signed; one that says another is refused."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe events that are logged."""
    log_format: Literal["json", "text"] = "json"
    """Form of a log line."""
    access_log: Literal["none", "calls"] = "none"
    """What gets a line in the log beside events: calls, one each, with who, what, how much and how
    long; never a text."""
    otlp_endpoint: Endpoint | None = None
    """Collector that traces are sent to, by OTLP over gRPC: http://HOST:4317, or https. Needs the
    extra otel. Default: no traces."""
    trace_sampling: Annotated[float, Field(ge=0, le=1), Number] = 0.1
    """Part of the calls that are traced; a call that is part of a trace is as its caller
    decided."""

    @property
    def message_bytes(self) -> int:
        """Largest message that is received, whether or not max_message_bytes is set."""
        if self.max_message_bytes is not None:
            return self.max_message_bytes
        return max(256 * 1024, min(8 * self.max_code_points, 2**30))

    @property
    def controls_access(self) -> bool:
        """Whether a setting says who may do what: nobody else may do anything then."""
        files = (self.api_keys, self.api_key_entries, self.jwt_jwks)
        return any(each is not None for each in files)

    @model_validator(mode="after")
    def _administration_is_complete(self) -> Self:
        if self.admin_port is None:
            return self
        if self.models is None:
            raise ValueError("admin_port needs models, the directory that is administered")
        if not self.controls_access and not is_this_machine(self.admin_host):
            raise ValueError(
                f"admin_port on {self.admin_host} needs api_keys, api_key_entries or jwt_jwks: "
                "anybody could load and unload models"
            )
        return self

    @model_validator(mode="after")
    def _storage_is_guarded(self) -> Self:
        if self.google_storage is None:
            return self
        if "google" not in self.interfaces:
            raise ValueError("google_storage is for clients of interfaces google")
        if not self.controls_access and not is_this_machine(self.host):
            raise ValueError(
                f"google_storage on {self.host} needs api_keys, api_key_entries or jwt_jwks: "
                "anybody could read and write its files"
            )
        return self

    @model_validator(mode="after")
    def _access_is_complete(self) -> Self:
        if self.api_keys is not None and self.api_key_entries is not None:
            raise ValueError("api_keys and api_key_entries are not needed together")
        names = (self.jwt_issuer, self.jwt_audience)
        if self.jwt_jwks is not None and not all(names):
            raise ValueError("jwt_jwks needs jwt_issuer and jwt_audience")
        if self.jwt_jwks is None and any(names):
            raise ValueError("jwt_issuer and jwt_audience need jwt_jwks")
        return self

    @model_validator(mode="after")
    def _fixed_shapes_are_of_account(self) -> Self:
        if self.fixed_batch_shapes and self.runtime == "onnxruntime":
            raise ValueError("fixed_batch_shapes is for runtime torch or auto, not onnxruntime")
        return self

    @model_validator(mode="after")
    def _something_is_served(self) -> Self:
        if not self.bundle and self.models is None:
            raise ValueError("bundle is missing: give --bundle or DRAGOMAN_BUNDLE, or models")
        return self

    @model_validator(mode="after")
    def _tls_is_complete(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_private_key is None):
            raise ValueError("tls_certificate and tls_private_key are needed together")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca needs tls_certificate and tls_private_key")
        return self

    @model_validator(mode="after")
    def _playground_reaches_the_server(self) -> Self:
        if self.playground and self.tls_certificate is not None:
            raise ValueError(
                "playground and tls_certificate are not possible together: run `dragoman "
                "playground`, which takes the server's name and the authorities to trust"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags (the constructor's arguments) go before environment variables before the file."""
        del dotenv_settings, file_secret_settings
        assert isinstance(init_settings, InitSettingsSource)
        file = YamlConfigSettingsSource(
            settings_cls, yaml_file=init_settings.init_kwargs.get("config")
        )
        return init_settings, env_settings, file
