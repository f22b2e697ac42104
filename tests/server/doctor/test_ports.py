import os
import socket
from pathlib import Path

from dragoman_server.doctor.finding import Finding
from dragoman_server.doctor.ports import check_ports
from tests.integration.served import free_port
from tests.server.service.harness import make_config


def found(**settings: object) -> dict[str, Finding]:
    return {each.check: each for each in check_ports(make_config(**settings))}


def test_free_ports_are_fine() -> None:
    port = free_port()
    findings = found(port=port, health_port=0)
    assert {each.state for each in findings.values()} == {"ok"}
    assert findings["port"].found == f"127.0.0.1:{port} is free"
    assert findings.keys() == {"port", "health_port", "prometheus_port"}


def test_who_listens_on_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        finding = found(port=taken.getsockname()[1])["port"]
    assert finding.state == "problem"
    assert f"Address already in use, by process {os.getpid()} (" in finding.found
    assert "take another port" in finding.advice


def test_who_cannot_be_seen_is_another_users(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (tmp_path / "net").symlink_to("/proc/net")
        config = make_config(port=taken.getsockname()[1])
        finding = next(iter(check_ports(config, tmp_path)))
    assert finding.found.endswith("Address already in use, by a process of another user")


def test_an_address_of_another_machine_is_a_problem() -> None:
    finding = found(host="203.0.113.7")["port"]
    assert finding.state == "problem"
    assert "address of this machine" in finding.advice


def test_a_host_without_an_address_is_a_problem() -> None:
    finding = found(host="nowhere.invalid")["port"]
    assert finding.state == "problem"
    assert "a name that has one" in finding.advice


def test_one_port_for_two_things_is_a_problem() -> None:
    port = free_port()
    findings = found(port=port, prometheus_port=port)
    assert [each.state for each in findings.values()] == ["problem", "problem"]
    assert "a port of its own" in findings["port"].advice


def test_the_playgrounds_port_is_looked_at_where_there_is_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "playground_port" not in found(playground_port=port)
        assert found(playground=True, playground_port=port)["playground_port"].state == "problem"


def test_the_port_of_http_is_looked_at_where_there_is_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "http_port" not in found()
        assert found(http_port=port)["http_port"].state == "problem"
