"""Models are loaded and unloaded over the AdminService, by those who may, and an audit tells."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc import aio

from dragoman.v1 import admin_pb2 as pb
from dragoman.v1.admin_pb2_grpc import AdminServiceStub
from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman_server.access.keys import new_key
from dragoman_server.pool.administration import Administration
from dragoman_server.processes.front_end import FrontEnd
from dragoman_server.service.admin_server import AdminServer
from tests.server.pool.test_folder import bundle
from tests.server.service.fakes import FakeEngine
from tests.server.service.harness import FakeLoader, Running, failure_of, manifest, running
from tests.server.service.test_access import bearer, entries, entry

if TYPE_CHECKING:
    from dragoman.v1.admin_pb2_grpc import AdminServiceAsyncStub

LOADED, FAILED, NOT_LOADED = (
    pb.BUNDLE_STATE_LOADED,
    pb.BUNDLE_STATE_FAILED,
    pb.BUNDLE_STATE_NOT_LOADED,
)
KEY, OTHER = new_key(), new_key()


@dataclass
class Administered:
    """A server with an AdminService over a directory of its own."""

    server: Running
    directory: Path
    stub: "AdminServiceAsyncStub"

    async def states(self) -> dict[str, tuple[int, bool]]:
        listed = (await self.stub.ListBundles(pb.ListBundlesRequest())).bundles
        return {each.bundle: (each.state, each.is_default) for each in listed}


@asynccontextmanager
async def administered(directory: Path, **settings: str) -> AsyncIterator[Administered]:
    async with running(None, models=directory, admin_port=0, **settings) as server:
        administration = Administration(directory, server.pool)
        config = server.application._config
        front_end = server.application._front_end
        assert isinstance(front_end, FrontEnd)
        admin = AdminServer(config, administration, server.metrics.record, front_end.access)
        try:
            address = await admin.start()
            async with aio.insecure_channel(address) as channel:
                yield Administered(server, directory, AdminServiceStub(channel))
        finally:
            await admin.close()


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Administered]:
    """Its directory has two versions of a model, of which none is loaded."""
    for name in ("en-de@1", "en-de@2"):
        bundle(tmp_path / name)
    async with administered(tmp_path) as server:
        loader = server.server.pool._load
        assert isinstance(loader, FakeLoader)
        model = manifest()
        model.name = "en-de"
        for name in ("en-de@1", "en-de@2", "broken"):
            engine = FakeEngine()
            engine.echo = True
            loader.models[name] = model, engine
        yield server


async def test_bundles_are_loaded_and_unloaded_by_their_names(it: Administered) -> None:
    assert await it.states() == {
        "bundle": (LOADED, True),
        "en-de@1": (NOT_LOADED, False),
        "en-de@2": (NOT_LOADED, False),
    }
    answer = await it.stub.LoadBundle(pb.LoadBundleRequest(bundle="en-de@1"))
    assert (answer.bundle.model, answer.bundle.is_default) == ("en-de", True)
    request = TranslateTextRequest(contents=["a"], model="en-de")
    assert (await it.server.stub.TranslateText(request)).translations[0].model == "en-de"
    await it.stub.UnloadBundle(pb.UnloadBundleRequest(bundle="en-de@1"))
    assert (await failure_of(it.server.stub.TranslateText(request))).reason == "MODEL_NOT_FOUND"


async def test_a_version_is_chosen_and_left_to_the_directories_again(it: Administered) -> None:
    for name in ("en-de@1", "en-de@2"):
        await it.stub.LoadBundle(pb.LoadBundleRequest(bundle=name))
    assert (await it.states())["en-de@2"] == (LOADED, True)
    versions = {label: each.model.version for label, each in it.server.pool.labels.items()}
    choice = pb.SetDefaultVersionRequest(model="en-de", version=versions["en-de@1"])
    await it.stub.SetDefaultVersion(choice)
    assert (await it.states())["en-de@1"] == (LOADED, True)
    assert (await it.states())["en-de@2"] == (LOADED, False)
    await it.stub.SetDefaultVersion(pb.SetDefaultVersionRequest(model="en-de"))
    assert (await it.states())["en-de@2"] == (LOADED, True)
    failure = await failure_of(
        it.stub.SetDefaultVersion(pb.SetDefaultVersionRequest(model="en-de", version="9"))
    )
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")


@pytest.mark.parametrize("name", ["nowhere", "../en-de@1", "/", "", ".", "en-de@1/", "x" * 5000])
async def test_nothing_beside_the_directorys_bundles_can_be_named(
    it: Administered, name: str
) -> None:
    for call in (
        it.stub.LoadBundle(pb.LoadBundleRequest(bundle=name)),
        it.stub.UnloadBundle(pb.UnloadBundleRequest(bundle=name)),
    ):
        failure = await failure_of(call)
        assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "BUNDLE_NOT_FOUND")
        assert len(failure.message) < 200


async def test_why_a_bundle_cannot_be_loaded_is_told_and_listed(it: Administered) -> None:
    bundle(it.directory / "bundle")  # a second one of the model that is served already
    bundle(it.directory / "other")
    failure = await failure_of(it.stub.LoadBundle(pb.LoadBundleRequest(bundle="other")))
    assert failure.code == grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "BUNDLE_NOT_LOADED"
    assert "both model 'tiny'" in failure.message
    listed = (await it.stub.ListBundles(pb.ListBundlesRequest())).bundles
    (reason,) = [each.reason for each in listed if each.bundle == "other"]
    assert reason == failure.message


async def test_each_call_leaves_a_line_in_the_audit_log(
    it: Administered, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "dragoman_server")
    await it.stub.LoadBundle(pb.LoadBundleRequest(bundle="en-de@1"))
    await failure_of(it.stub.UnloadBundle(pb.UnloadBundleRequest(bundle="nowhere")))
    lines = [vars(each) for each in caplog.records if each.getMessage() == "audit"]
    told = [(each["method"], each["asked_bundle"], each["code"]) for each in lines]
    assert told == [("LoadBundle", "en-de@1", "OK"), ("UnloadBundle", "nowhere", "NOT_FOUND")]
    assert all(each["caller"].startswith("ipv4:127.0.0.1:") for each in lines)


async def test_only_who_is_granted_it_by_name_administers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "dragoman_server")
    keys = entries(
        entry(KEY, "admin", methods=["AdminService"]), entry(OTHER, "acme", methods=["*"])
    )
    async with administered(tmp_path, api_key_entries=keys) as it:
        listing = pb.ListBundlesRequest()
        assert (await it.stub.ListBundles(listing, metadata=bearer(KEY))).bundles
        for metadata, code in (
            ((), grpc.StatusCode.UNAUTHENTICATED),
            (bearer(new_key()), grpc.StatusCode.UNAUTHENTICATED),
            (bearer(OTHER), grpc.StatusCode.PERMISSION_DENIED),
        ):
            failure = await failure_of(it.stub.ListBundles(listing, metadata=metadata))
            assert failure.code == code
        request = TranslateTextRequest(contents=["a"])
        refused = await failure_of(it.server.stub.TranslateText(request, metadata=bearer(KEY)))
        assert refused.code == grpc.StatusCode.PERMISSION_DENIED
    audited = [vars(each) for each in caplog.records if each.getMessage().startswith("audit")]
    assert [(each["msg"], each.get("caller"), each["code"]) for each in audited] == [
        ("audit", "admin", "OK"),
        *[("audit_refused", None, "UNAUTHENTICATED")] * 2,
        ("audit_refused", None, "PERMISSION_DENIED"),
    ]


async def test_it_is_on_its_own_port_alone(it: Administered) -> None:
    stub: AdminServiceAsyncStub = AdminServiceStub(it.server.channel)
    with pytest.raises(aio.AioRpcError) as caught:
        await stub.ListBundles(pb.ListBundlesRequest())
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
