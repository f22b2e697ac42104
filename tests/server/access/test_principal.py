from dragoman.v1.translation_pb2 import DESCRIPTOR
from dragoman_server.access.permissions import METHODS
from dragoman_server.access.principal import ADMINISTRATION, ALL, FILES, Principal


def test_nothing_is_allowed_that_is_not_granted() -> None:
    nobody = Principal("nobody")
    assert not nobody.may_call("TranslateText")
    assert not nobody.may_use("tiny")
    assert not nobody.may_use("")


def test_names_are_compared_whole() -> None:
    caller = Principal("acme", frozenset({"ListModels"}), frozenset({"en-de"}))
    assert caller.may_call("ListModels")
    assert not caller.may_call("listmodels")
    assert caller.may_use("en-de")
    assert not caller.may_use("en-de-large")
    assert not caller.may_use("en")


def test_a_star_is_every_one() -> None:
    caller = Principal("acme", frozenset({ALL}), frozenset({ALL}))
    granted = {method for method in METHODS if caller.may_call(method)}
    assert granted == set(METHODS) - {ADMINISTRATION, FILES}
    assert caller.may_use("any")


def test_every_method_of_the_service_can_be_granted() -> None:
    service = DESCRIPTOR.services_by_name["TranslationService"]
    assert set(METHODS) - {ADMINISTRATION, FILES} == {method.name for method in service.methods}
