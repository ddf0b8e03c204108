"""The warm session: a Spark server that lives as long as the stack. Whether a job goes there, and with what.

Standard library only: the DAG's operator and `logistics job` ask it. A job on the warm session is a process of its own
that talks to the server by Spark Connect. It commits what it writes itself, under the kernel's locks, as every small
batch is committed: the server only computes. So whatever becomes of the server, nothing is written that nobody answers
for, and a batch with more rows than a process can commit has a driver of its own.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from smart_logistics.jobs.catalog import PIPELINE, Job

# Below the stack's home.
KEPT = Path("config", "spark-session.json")
SCRIPT = Path(__file__).with_name("warm_session.py")
_SUBMIT = Path(__file__).with_name("warm_submit.py")
_TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"  # noqa: S105 - the name of a variable
# What is said of a job that cannot use the session, behind its name.
OWN_DRIVER = "is submitted with a driver of its own"
_ANSWERS_WITHIN = 2.0
# Of a site's settings the one that a job on the session can be given, too: it says which Python the job itself is.
_JOBS_OWN = {"spark.pyspark.driver.python"}


@dataclass(frozen=True)
class Session:
    """Where the session is, whose cluster it is on, and the token that lets one in."""

    remote: str
    master: str
    token: str

    def text(self) -> str:
        """Return the content of the file in which it is kept; private."""
        return json.dumps(asdict(self)) + "\n"

    def variables(self) -> dict[str, str]:
        """Return what a job that uses it has in its environment; the token is a secret."""
        return {"SPARK_REMOTE": self.remote, _TOKEN: self.token}

    def words(self, python: str) -> list[str]:
        """Return the words that take the place of spark-submit: nothing but the job's own Python is started."""
        return [python, "-IS", str(_SUBMIT)]

    def answers(self) -> bool:
        """Return whether somebody listens; whether it is well is seen by the job that opens it."""
        place = urlsplit(self.remote)
        try:
            with socket.create_connection((place.hostname, place.port), _ANSWERS_WITHIN):
                return True
        except OSError:
            return False


def kept(home: Path) -> Session | None:
    """Return the session of the stack in ``home``; None where it has none."""
    try:
        return Session(**json.loads((home / KEPT).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def choose(home: Path, job: Job, *, master: str, lakehouse: str, conf: Mapping[str, str]) -> Session | str:
    """Return the session that a job is to use, or why it has a driver of its own all the same.

    Args:
        home: of the stack.
        job: which job.
        master: where the job would go with a driver of its own.
        lakehouse: root of the tables.
        conf: what the site sets for this job: an executor that is there already cannot be given another memory.
    """
    session = kept(home)
    if session is None:
        return "this stack was started without one"
    if job.name not in PIPELINE:
        return "the job reads more than an hour's news"
    if "://" in lakehouse:
        return "the lakehouse is no folder of this machine, and Spark commits what is written there"
    if master != session.master:
        return f"the connection goes to another cluster, {master}"
    if theirs := conf.keys() - _JOBS_OWN:
        return f"the setting SPARK_CONF gives it {', '.join(sorted(theirs))}"
    return session if session.answers() else "nobody listens where it should be"
