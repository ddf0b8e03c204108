"""Where a secret could show: what a run leaves behind, and what is seen while it runs."""

from __future__ import annotations

import base64
import html
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message as Mail
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import psutil
from deltalake import DeltaTable

from tests.e2e.monitors import api, base_url, token_file
from tests.e2e.stack import Stack

SMTP_USER = "alerts"
# With every sign that some form of writing has to quote.
SMTP_PASSWORD = "canary/@:%+&'\" of-the-mail-server"
DAG = "smart_logistics_pipeline"
# Each driver with a page takes the next free one.
_DRIVER_PORTS = range(4040, 4046)
_LOOKS = "/environment/", "/jobs/", "/executors/", "/SQL/"
_SHORTEST = 12


def secrets(stack: Stack) -> dict[str, str]:
    """Return every secret of the stack by its name: the mail server's canary, and what the home keeps."""
    found = {"smtp": SMTP_PASSWORD}
    for path in (stack.home / "secrets").iterdir():
        said = path.read_text().strip()
        if said.startswith("{"):
            # Of a user its password, of a connection all that is known.
            kept = {
                name: word if isinstance(word, str) else word["password"] for name, word in json.loads(said).items()
            }
            found |= {f"{path.name} {name}": word for name, word in kept.items()}
        else:
            found[path.name] = said
            if password := urlsplit(said).password:
                found[f"password of {path.name}"] = password
    assert all(len(word) >= _SHORTEST for word in found.values())
    return found


def forms(secret: str) -> set[str]:
    """Return a secret as it is, and as the forms of writing have it that quote."""
    coded = base64.b64encode(secret.encode()).decode()
    return {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], html.escape(secret), coded}


def shown(stack: Stack, places: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the places that show a secret, each with the secret's name."""
    return [
        (place, name)
        for place, said in places.items()
        for name, secret in secrets(stack).items()
        if any(form in said for form in forms(secret))
    ]


@dataclass
class Seen:
    """What everybody on the machine may look at while a run is under way."""

    arguments: set[str] = field(default_factory=set)
    pages: dict[str, str] = field(default_factory=dict)

    def look(self, client: httpx.Client) -> None:
        """Look once at the arguments of every process and at the pages of every driver."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                self.arguments.add(" ".join(process.cmdline()))
        for port in _DRIVER_PORTS:
            with suppress(httpx.HTTPError, ValueError):
                self._driver(client, f"http://127.0.0.1:{port}")

    def _driver(self, client: httpx.Client, base: str) -> None:
        listed = client.get(f"{base}/api/v1/applications")
        for one in listed.json():
            rest = f"/api/v1/applications/{one['id']}"
            for path in (*_LOOKS, f"{rest}/environment", f"{rest}/allexecutors"):
                self.pages[f"{one['name']}{path}"] = client.get(f"{base}{path}").text
        self.pages[base] = listed.text


@contextmanager
def watched() -> Iterator[Seen]:
    """Look again and again until the end of the block."""
    seen, stop = Seen(), threading.Event()

    def look() -> None:
        with httpx.Client(trust_env=False, timeout=5, follow_redirects=True) as client:
            while not stop.wait(0.5):
                seen.look(client)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def files(folder: Path) -> str:
    """Return the text of every file below a folder."""
    return "\n".join(path.read_bytes().decode(errors="replace") for path in sorted(folder.rglob("*")) if path.is_file())


def tables(stack: Stack) -> str:
    """Return every row of every table, with the tables' own logs."""
    logs = sorted((stack.home / "lakehouse").glob("*/*/_delta_log"))
    rows = [DeltaTable(str(log.parent)).to_pyarrow_table().to_pylist() for log in logs]
    return str(rows) + "".join(files(log) for log in logs)


def whole(mail: Mail) -> str:
    """Return a mail's headers and all its parts, decoded."""
    parts = [part.get_payload(decode=True) for part in mail.walk()]
    return mail.as_string() + "\n".join(part.decode(errors="replace") for part in parts if isinstance(part, bytes))


def metrics(stack: Stack) -> str:
    """Return the page for Prometheus."""
    token = token_file(stack).read_text().strip()
    answer = httpx.get(
        f"{base_url(stack)}/logistics/metrics",
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
        trust_env=False,
    )
    return answer.text


def cluster_pages(stack: Stack) -> str:
    """Return the pages of Spark's master and worker, which ask nobody for a password."""
    ports = [
        json.loads((stack.home / "run" / "ports.json").read_text())[name]
        for name in ("SPARK_UI_PORT", "SPARK_WORKER_UI_PORT")
    ]
    with httpx.Client(trust_env=False, timeout=30) as client:
        return "\n".join(
            client.get(f"http://127.0.0.1:{port}{path}").text for port in ports for path in ("/", "/json/")
        )


def told_by_airflow(stack: Stack, run_id: str) -> dict[str, str]:
    """Return what Airflow's API tells its first user of a run, its tasks' fields and results, and of what they use."""
    run = f"/dags/{DAG}/dagRuns/{quote(run_id, safe='')}"
    found: dict[str, Any] = {}
    with api(stack) as ours:

        def get(path: str, **query: Any) -> Any:
            return ours.request("GET", path, params=query)

        found["rendered fields"] = tasks = ours.tasks(DAG, run_id)
        found["tries"] = [ours.tries(DAG, run_id, task["task_id"]) for task in tasks]
        found["results"] = [
            get(f"{run}/taskInstances/{task['task_id']}/xcomEntries/{entry['key']}")
            for task in tasks
            for entry in get(f"{run}/taskInstances/{task['task_id']}/xcomEntries")["xcom_entries"]
        ]
        found["states of tasks"] = [ours.state_store(DAG, run_id, task["task_id"]) for task in tasks]
        found["connections"] = get("/connections", limit=100)
        found["variables"] = get("/variables", limit=100)
        found["audit log"] = get("/eventLogs", limit=1000)
    return {name: json.dumps(said) for name, said in found.items()}
