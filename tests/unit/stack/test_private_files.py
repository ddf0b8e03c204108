from __future__ import annotations

import stat
from pathlib import Path

import pytest

from smart_logistics import settings
from smart_logistics.errors import EnvironmentFault
from smart_logistics.stack import spark
from smart_logistics.stack.credentials import FERNET_KEY, secret, write_private
from smart_logistics.stack.home import Home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once_and_is_for_this_user_only(home: Home) -> None:
    first = secret(home, "any")
    assert secret(home, "any") == first
    assert secret(home, "other") != first
    assert mode(home.secrets / "any") == 0o600
    assert mode(home.secrets) == 0o700


def test_the_fernet_key_is_one(home: Home) -> None:
    from cryptography.fernet import Fernet

    Fernet(secret(home, FERNET_KEY))


def test_a_failed_write_leaves_the_old_text_and_no_scrap(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_a_file_that_was_open_to_others_is_closed_even_if_its_text_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    path.chmod(0o644)
    write_private(path, "text")
    assert mode(path) == 0o600


def test_a_long_home_gets_its_socket_in_a_short_private_folder(tmp_path: Path) -> None:
    home = Home.of(settings.load({"LOGISTICS_HOME": str(tmp_path / ("x" * 100))}))
    home.create()
    try:
        assert len(str(home.socket)) < 100
        assert mode(home.socket.parent) == 0o700
        home.socket.parent.chmod(0o777)
        with pytest.raises(EnvironmentFault, match="someone else"):
            home.create()
    finally:
        home.socket.parent.rmdir()


def test_what_the_master_remembers_is_for_this_user_only_and_forgotten_with_its_stack(home: Home) -> None:
    assert mode(home.spark_recovery) == 0o700
    (home.spark_recovery / "app_1").write_bytes(b"with the secret that executors are told")
    spark.forget_applications(home)
    assert list(home.spark_recovery.iterdir()) == []
