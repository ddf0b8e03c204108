"""What cannot work is refused with one line and a remedy, before anything is started."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from smart_logistics import settings
from smart_logistics.errors import EnvironmentFault, LockHeld
from smart_logistics.settings import Settings
from smart_logistics.stack import doctor, lifecycle
from smart_logistics.stack.home import Home


def test_a_home_that_cannot_be_made_is_named_with_a_remedy(root: Path) -> None:
    root.write_text("a file lies where a folder should be")
    with pytest.raises(EnvironmentFault, match=r"cannot make the stack's folders: .*home") as caught:
        Home.of(settings.load({"LOGISTICS_HOME": str(root / "home")})).create()
    assert "LOGISTICS_HOME" in caught.value.remedy


def test_mail_that_nobody_is_to_receive_is_found_by_the_doctor(root: Path) -> None:
    given = settings.load({"LOGISTICS_HOME": str(root), "LOGISTICS_SMTP_HOST": "mail.example"})
    (mail,) = [one for one in doctor.examine(given) if one.subject == "mail"]
    assert (mail.good, mail.remedy) == (False, "set LOGISTICS_SMTP_TO")
    assert "nobody is to receive mail" in mail.text


def test_two_commands_at_once_do_not_undo_each_other(given: Settings, home: Home) -> None:
    with home.up_lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LockHeld, match="another command is starting or stopping the stack"):
            lifecycle.down(given, lambda _: None)
