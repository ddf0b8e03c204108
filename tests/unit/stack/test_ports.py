from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

from smart_logistics import settings
from smart_logistics.errors import EnvironmentFault
from smart_logistics.settings import Settings
from smart_logistics.stack import ports
from smart_logistics.stack.home import Home


def listener(port: int = 0) -> socket.socket:
    taken = socket.socket()
    taken.bind(("127.0.0.1", port))
    taken.listen()
    return taken


def test_each_service_has_a_free_port_of_its_own_and_keeps_it(given: Settings, home: Home) -> None:
    first = ports.choose(given, home)
    assert len(set(first.numbers.values())) == len(ports.NAMES)
    assert ports.choose(given, home).numbers == first.numbers


def test_a_given_port_that_is_taken_is_named_with_a_remedy_and_nothing_is_written(root: Path, home: Home) -> None:
    with closing(listener()) as taken:
        port = taken.getsockname()[1]
        wanted = settings.load({"LOGISTICS_HOME": str(root), "LOGISTICS_AIRFLOW_PORT": str(port)})
        with pytest.raises(EnvironmentFault, match=rf"port {port} \(LOGISTICS_AIRFLOW_PORT\)") as caught:
            ports.choose(wanted, home)
    assert "another port" in caught.value.remedy
    assert not home.ports.exists()


def test_a_kept_port_that_was_taken_meanwhile_is_replaced_and_said(given: Settings, home: Home) -> None:
    first = ports.choose(given, home)
    with closing(listener(first["SPARK_PORT"])):
        second = ports.choose(given, home)
    assert second.moved == ("SPARK_PORT",)
    assert second["SPARK_PORT"] != first["SPARK_PORT"]


def test_a_port_that_this_stack_holds_itself_is_not_a_conflict(given: Settings, home: Home) -> None:
    first = ports.choose(given, home)
    with closing(listener(first["SPARK_PORT"])):
        assert ports.choose(given, home, frozenset({"SPARK_PORT"})).numbers == first.numbers


def test_one_port_given_to_two_services_is_refused(root: Path, home: Home) -> None:
    port = str(ports.choose(settings.load({"LOGISTICS_HOME": str(root)}), home)["SPARK_PORT"])
    twice = {"LOGISTICS_HOME": str(root), "LOGISTICS_SPARK_PORT": port, "LOGISTICS_SPARK_UI_PORT": port}
    with pytest.raises(EnvironmentFault, match="both"):
        ports.choose(settings.load(twice), home)
