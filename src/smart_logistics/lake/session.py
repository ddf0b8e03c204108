"""The one builder of Spark sessions. Settings come from the properties file of spark-submit, see ``spark_conf``."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from pyspark.sql import SparkSession

from smart_logistics.errors import SessionUnusable

T = TypeVar("T")
_REMOTE = "SPARK_REMOTE"
# Of the first answer: the executor may have to start. Of a later one: the machine may be busy, a dead server is silent.
_OPEN_SECONDS, _ANSWER_SECONDS, _ASK_EVERY_SECONDS = 90.0, 180.0, 10.0
_CLOSE_SECONDS = 5.0
# A server that is gone is tried again for three seconds and not, as is the default, for ten minutes.
_RETRIES = 4
_closing = threading.Event()


def is_shared() -> bool:
    """Return whether this process uses the warm session, and has no driver of its own."""
    return _REMOTE in os.environ


def open_session(name: str) -> SparkSession:
    """Return the session of this process: on the cluster that spark-submit names, or on ``SPARK_REMOTE``.

    ``name`` is for a process that was started otherwise. The one that spark-submit was given says which run, task and
    try it is; the builder's would take its place in Spark's pages.

    Raises:
        SessionUnusable: the warm session does not answer, or cannot run anything.
    """
    if is_shared():
        return _connected(name)
    builder = SparkSession.builder
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        builder = builder.appName(name)
    return builder.getOrCreate()


def need_driver() -> None:
    """Say that Spark itself is about to commit, or to read much.

    On the warm session it must not: its JVM outlives this process, and with it the locks under which it commits.

    Raises:
        SessionUnusable: it would; the job is then submitted with a driver of its own, and continues from where it is.
    """
    if is_shared():
        raise SessionUnusable("the warm session is for few rows, and these are many")


def close_session(session: SparkSession) -> None:
    """End the session; a shared server that no longer answers is not waited for."""
    if not is_shared():
        session.stop()
        return
    _closing.set()
    with suppress(Exception):  # the work is done or has failed; the server notices by itself that we are gone
        _within(_CLOSE_SECONDS, session.stop, "end")


def owner(pid: int) -> str:
    """Return which process it is, for the server: it ends what a dead one left behind, see ``jobs.warm_session``."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return f"{pid}-{stat.rsplit(')', 1)[1].split()[19]}"


def is_alive(name: str) -> bool:
    """Return whether the process that ``owner`` named, in the first word, still lives.

    What names no process of ours is taken for alive.
    """
    whose = name.partition(" ")[0]
    pid, _, started = whose.partition("-")
    if not (pid.isdigit() and started.isdigit()):
        return True
    try:
        return owner(int(pid)) == whose
    except OSError:
        return False


def _connected(name: str) -> SparkSession:
    address = os.environ[_REMOTE].partition("/;")[0]
    # The server's log and its books say by this who uses it: the process, the job and the run.
    os.environ[_REMOTE] = f"{address}/;user_id={quote(f'{owner(os.getpid())} {name}', safe='')}"
    session = _within(_OPEN_SECONDS, _opened, "open")
    threading.Thread(target=_watch, args=(session,), name="session-watch", daemon=True).start()
    return session


def _opened() -> SparkSession:
    from pyspark.sql.connect.client.retries import DefaultPolicy

    session = SparkSession.builder.getOrCreate()
    session.client.set_retry_policies([DefaultPolicy(max_retries=_RETRIES)])
    # One task, so that an executor has to be there, too.
    session.range(1).count()
    return session


def _watch(session: SparkSession) -> None:
    """End this process when the server falls silent: a call that waits for its answer would wait for ever."""
    while not _closing.wait(_ASK_EVERY_SECONDS):
        try:
            _within(_ANSWER_SECONDS, lambda: session.conf.get("spark.app.id"), "answer")
        except SessionUnusable as error:
            if _closing.is_set():
                return  # we hung up ourselves, in the middle of the question
            os.write(2, f"{error.what}\n".encode())
            os._exit(error.exit_code)


def _within(seconds: float, call: Callable[[], T], what: str) -> T:
    """Return what ``call`` returns; it runs in a thread, because nothing else ends a call to a server that hangs."""
    done: list[T] = []
    failed: list[Exception] = []

    def work() -> None:
        try:
            done.append(call())
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if done:
        return done[0]
    why = " ".join(str(failed[0]).split())[:300] if failed else f"no answer within {seconds:g} s"
    raise SessionUnusable(f"the warm session does not {what}: {why}", remedy="see logs/spark-session.log in the home")
