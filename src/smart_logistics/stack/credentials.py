"""Generated secrets: each made once, kept in a file of mode 0600 in a folder of mode 0700."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from smart_logistics.stack.home import Home

FERNET_KEY = "airflow-fernet-key"


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` whole or not at all, readable by this user only. The same text is left alone."""
    if path.is_file() and path.stat().st_mode & 0o777 == 0o600 and path.read_text(encoding="utf-8") == text:
        return
    # mkstemp makes the file 0600 from its first moment.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def secret(home: Home, name: str) -> str:
    """Return the secret ``name`` of this home; it is generated the first time."""
    path = home.secrets / name
    if not path.exists():
        write_private(path, _generate(name) + "\n")
    return path.read_text(encoding="utf-8").strip()


def _generate(name: str) -> str:
    if name == FERNET_KEY:
        return base64.urlsafe_b64encode(os.urandom(32)).decode()
    # Long enough for a key of HMAC-SHA512; letters and digits only, so that nothing has to be quoted anywhere.
    return secrets.token_hex(40)
