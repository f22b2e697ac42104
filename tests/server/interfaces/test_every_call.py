"""Each call of other services' clients that is supported: answered, refused, cut off, let in.

One table of calls by the real packages against one server. What each answers in full is told by the
tests of its interface; here is that none lacks what all of them must have.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError

import grpc
import pytest

from dragoman_server.access import watched_files
from tests.server.interfaces.google_client import PARENT, of
from tests.server.service.harness import Running
from tests.server.service.test_access import KEY, entries, entry

deepl = pytest.importorskip("deepl")
http_served = pytest.importorskip("tests.server.interfaces.http_served")
libretranslate = pytest.importorskip("libretranslatepy")
openai = pytest.importorskip("openai")
pb = pytest.importorskip("google.longrunning.operations_pb2")
exceptions = pytest.importorskip("google.api_core.exceptions")
riva = pytest.importorskip("riva.client")

DETECTS, LISTS = "d" * 40, "l" * 40
"""Keys of those who may do one thing alone."""

TEXT = "Where is the railway station?"
GLOSSARY = f"{PARENT}/glossaries/house"
OPERATION = f"{PARENT}/operations/{'0' * 32}"
SECONDS = 0.3


class Clients(NamedTuple):
    """Each with the same key."""

    google: Callable[..., Any]
    """Makes a call by its name."""
    riva: Any
    libretranslate: Any
    deepl: Any
    openai: Any


class Row(NamedTuple):
    """A call."""

    name: str
    right: Callable[[Clients], object]
    wrong: Callable[[Clients], object] | None
    """Asks for what is not there, or cannot be read; None where nothing is asked for."""
    status: int
    """What that is told, as HTTP has it."""
    granted: str = ""
    """Method that its caller must be granted; none where everybody may who is known."""
    waits: bool = False
    """Whether it is answered by a model, and not at once."""


def _google(name: str, /, **fields: Any) -> Callable[[Clients], object]:
    return lambda clients: clients.google(name, request=fields)


def _operation(name: str, /, **fields: Any) -> Callable[[Clients], object]:
    request = getattr(pb, "".join(part.title() for part in name.split("_")) + "Request")
    return lambda clients: clients.google(name, request(**fields))


def _texts(**fields: Any) -> dict[str, Any]:
    return {"parent": PARENT, "contents": [TEXT], "target_language_code": "de"} | fields


def _document(mime_type: str) -> dict[str, Any]:
    config = {"content": TEXT.encode(), "mime_type": mime_type}
    return {"parent": PARENT, "target_language_code": "de", "document_input_config": config}


def _batch(uri: str) -> dict[str, Any]:
    return {
        "parent": PARENT,
        "source_language_code": "en",
        "target_language_codes": ["de"],
        "input_configs": [{"gcs_source": {"input_uri": uri}}],
        "output_config": {"gcs_destination": {"output_uri_prefix": "gs://bucket/out/"}},
    }


def _glossary(uri: str) -> dict[str, Any]:
    pair = {"source_language_code": "en", "target_language_code": "de"}
    source = {"gcs_source": {"input_uri": uri}}
    name = f"{PARENT}/glossaries/new"
    return {
        "parent": PARENT,
        "glossary": {"name": name, "language_pair": pair, "input_config": source},
    }


def _chat(model: str = "tiny", **options: Any) -> Callable[[Clients], object]:
    def call(clients: Clients) -> object:
        messages = [{"role": "user", "content": TEXT}]
        create = clients.openai.chat.completions.create
        answer = create(model=model, messages=messages, **options)
        return list(answer) if options.get("stream") else answer

    return call


TRANSLATES = "TranslateText"
MODELS = "ListModels"
ROWS = (
    Row(
        "google TranslateText",
        _google("translate_text", **_texts()),
        _google("translate_text", **_texts(target_language_code="fr")),
        404,
        TRANSLATES,
        waits=True,
    ),
    Row(
        "google TranslateDocument",
        _google("translate_document", **_document("text/plain")),
        _google("translate_document", **_document("application/pdf")),
        501,
        TRANSLATES,
        waits=True,
    ),
    Row(
        "google DetectLanguage",
        _google("detect_language", parent=PARENT, content=TEXT),
        _google("detect_language", parent="x", content=TEXT),
        400,
        "DetectLanguage",
    ),
    Row(
        "google GetSupportedLanguages",
        _google("get_supported_languages", parent=PARENT),
        _google("get_supported_languages", parent=PARENT, model=f"{PARENT}/models/huge"),
        404,
        MODELS,
    ),
    Row(
        "google BatchTranslateText",
        _google("batch_translate_text", **_batch("gs://bucket/a.txt")),
        _google("batch_translate_text", **_batch("gs://none/*")),
        404,
        "BatchTranslateText",
    ),
    Row(
        "google CreateGlossary",
        _google("create_glossary", **_glossary("gs://bucket/terms.csv")),
        _google("create_glossary", **_glossary("gs://bucket/none.csv")),
        404,
        "AdminService",
    ),
    Row(
        "google GetGlossary",
        _google("get_glossary", name=GLOSSARY),
        _google("get_glossary", name=f"{PARENT}/glossaries/none"),
        404,
        MODELS,
    ),
    Row(
        "google ListGlossaries",
        _google("list_glossaries", parent=PARENT),
        _google("list_glossaries", parent=PARENT, filter="?"),
        400,
        MODELS,
    ),
    Row(
        "google DeleteGlossary",
        lambda clients: (
            clients.google("create_glossary", request=_glossary("gs://bucket/terms.csv")),
            clients.google("delete_glossary", request={"name": f"{PARENT}/glossaries/new"}),
        ),
        _google("delete_glossary", name=GLOSSARY),
        400,
        "AdminService",
    ),
    Row(
        "google ListOperations",
        _operation("list_operations", name=PARENT),
        _operation("list_operations", name="x"),
        400,
    ),
    *(
        Row(
            f"google {name}",
            lambda clients, name=name: _known_operation(clients, name),  # type: ignore[misc]
            _operation(name, name=OPERATION),
            404,
        )
        for name in ("get_operation", "wait_operation", "cancel_operation", "delete_operation")
    ),
    Row(
        "riva TranslateText",
        lambda clients: clients.riva.translate([TEXT], "", "en", "de"),
        lambda clients: clients.riva.translate([TEXT], "", "en", "fr"),
        404,
        TRANSLATES,
        waits=True,
    ),
    Row(
        "riva TranslateText, later",
        lambda clients: clients.riva.translate([TEXT], "", "en", "de", future=True).result(),
        lambda clients: clients.riva.translate([TEXT], "x", "en", "de", future=True).result(),
        404,
        TRANSLATES,
        waits=True,
    ),
    Row(
        "riva ListSupportedLanguagePairs",
        lambda clients: clients.riva.get_config(""),
        None,
        0,
        MODELS,
    ),
    Row(
        "libretranslate translate",
        lambda clients: clients.libretranslate.translate(TEXT, "en", "de"),
        lambda clients: clients.libretranslate.translate(TEXT, "en", "fr"),
        400,
        TRANSLATES,
        waits=True,
    ),
    Row(
        "libretranslate detect",
        lambda clients: clients.libretranslate.detect(TEXT),
        lambda clients: clients.libretranslate.detect("a\0"),
        400,
        "DetectLanguage",
    ),
    Row(
        "libretranslate languages",
        lambda clients: clients.libretranslate.languages(),
        None,
        0,
        MODELS,
    ),
    Row(
        "deepl translate_text",
        lambda clients: clients.deepl.translate_text(TEXT, source_lang="EN", target_lang="DE"),
        lambda clients: clients.deepl.translate_text(TEXT, target_lang="FR"),
        404,
        TRANSLATES,
        waits=True,
    ),
    Row(
        "deepl get_source_languages",
        lambda clients: clients.deepl.get_source_languages(skip_cache=True),
        None,
        0,
        MODELS,
    ),
    Row(
        "deepl get_target_languages",
        lambda clients: clients.deepl.get_target_languages(skip_cache=True),
        None,
        0,
        MODELS,
    ),
    Row(
        "deepl get_usage",
        lambda clients: clients.deepl.get_usage(),
        None,
        0,
        MODELS,
    ),
    Row("openai chat", _chat(), _chat("gpt-4o"), 404, TRANSLATES, waits=True),
    Row(
        "openai chat, streamed",
        _chat(stream=True),
        _chat(stream=True, stop=["x"]),
        400,
        "StreamTranslateText",
        waits=True,
    ),
    Row(
        "openai models.list",
        lambda clients: list(clients.openai.models.list()),
        None,
        0,
        MODELS,
    ),
    Row(
        "openai models.retrieve",
        lambda clients: clients.openai.models.retrieve("tiny"),
        lambda clients: clients.openai.models.retrieve("huge"),
        404,
        MODELS,
    ),
)
IDS = [row.name for row in ROWS]


def _known_operation(clients: Clients, name: str) -> None:
    """Asks for one that is there, which must be done to be deleted."""
    begun = clients.google("batch_translate_text", request=_batch("gs://bucket/a.txt"))
    named = begun.operation.name
    clients.google("wait_operation", pb.WaitOperationRequest(name=named))
    _operation(name, name=named)(clients)


@asynccontextmanager
async def served(
    folder: Path, limits: Mapping[str, float] | None = None, **settings: object
) -> AsyncIterator[Running]:
    bucket = folder / "storage" / "bucket"
    bucket.mkdir(parents=True)
    (bucket / "a.txt").write_text(TEXT)
    (bucket / "terms.csv").write_text("house,Haus\n")
    (folder / "glossaries").mkdir()
    (folder / "glossaries" / "house.tsv").write_text("en\tde\nhouse\tHaus\n")
    keys = entries(
        entry(methods=["*", "AdminService", "BatchTranslateText"]) | dict(limits or {}),
        entry(DETECTS, "detects", methods=["DetectLanguage"]),
        entry(LISTS, "lists", methods=[MODELS]),
    )
    settings |= {"interfaces": "google,riva", "detect_languages": True, "api_key_entries": keys}
    settings |= {"google_storage": folder / "storage", "glossaries": folder / "glossaries"}
    async with http_served.speaking_http(**settings) as server:
        yield server


def call_with(
    server: Running, key: str, call: Callable[[Clients], object], seconds: float
) -> object:
    """Makes a call by clients that have a key; closes them. Google's has a time of its own."""
    url, port = http_served.url_of(server), server.application.port
    metadata = [("authorization", f"Bearer {key}")]
    with ExitStack() as stack:
        google = of(port)
        stack.callback(google.transport.close)
        auth = riva.Auth(uri=f"127.0.0.1:{port}", metadata_args=[list(metadata[0])])
        stack.callback(auth.channel.close)
        return call(
            Clients(
                lambda name, *arguments, **options: getattr(google, name)(
                    *arguments, metadata=metadata, timeout=seconds, **options
                ),
                riva.NeuralMachineTranslationClient(auth),
                libretranslate.LibreTranslateAPI(url, key),
                deepl.DeepLClient(key, server_url=url),
                stack.enter_context(
                    openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
                ),
            )
        )


def told(
    server: Running, key: str, call: Callable[[Clients], object], seconds: float = 20.0
) -> int:
    """Returns the status that a call is told, as HTTP has it."""
    try:
        call_with(server, key, call, seconds)
    except exceptions.GoogleAPICallError as error:
        return int(error.code)
    except grpc.RpcError as error:
        return int(exceptions.from_grpc_error(error).code)
    except HTTPError as error:
        error.close()
        return error.code
    except deepl.DeepLException as error:
        return int(error.http_status_code or 0)
    except openai.APIStatusError as error:
        return int(error.status_code)
    return 200


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepl.http_client.max_network_retries", 0)
    monkeypatch.setattr(watched_files, "LOOK_SECONDS", 0.02)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
async def test_a_call_is_answered_or_told_what_is_wrong_or_not_let_in(
    row: Row, tmp_path: Path
) -> None:
    async with served(tmp_path) as server:
        assert await asyncio.to_thread(told, server, KEY, row.right) == 200
        if row.wrong is not None:
            assert await asyncio.to_thread(told, server, KEY, row.wrong) == row.status
        strangers = 403 if row.name.startswith(("libretranslate", "deepl")) else 401
        assert await asyncio.to_thread(told, server, "none", row.right) == strangers
        if row.granted:
            others = LISTS if row.granted == "DetectLanguage" else DETECTS
            assert await asyncio.to_thread(told, server, others, row.right) == 403
            others = DETECTS if row.granted == MODELS else LISTS
            assert await asyncio.to_thread(told, server, others, row.right) == 403


@pytest.mark.parametrize("row", [row for row in ROWS if row.waits], ids=lambda row: row.name)
async def test_a_call_that_waits_has_a_deadline(row: Row, tmp_path: Path) -> None:
    async with served(tmp_path, default_timeout_seconds=SECONDS) as server:
        server.engine.echo = False
        assert await asyncio.to_thread(told, server, KEY, row.right, SECONDS) == 504
        await server.engine.all_cancelled()


async def test_rates_are_those_of_the_caller_whichever_way_its_calls_come(tmp_path: Path) -> None:
    one_text = {"texts_per_second": 0.001, "burst_seconds": 1000.0}
    async with served(tmp_path, one_text) as server:
        first, *others = [row for row in ROWS if row.waits]
        assert await asyncio.to_thread(told, server, KEY, first.right) == 200
        for row in others:
            assert await asyncio.to_thread(told, server, KEY, row.right) == 429, row.name
