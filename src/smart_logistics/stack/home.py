"""Every path of one stack's state. Nothing else knows where a file lies."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from smart_logistics.errors import EnvironmentFault
from smart_logistics.jobs import warm
from smart_logistics.settings import Settings

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the final zero; supervisord binds a longer name first.
_LONGEST_SOCKET = 80


@dataclass(frozen=True)
class Home:
    """The folders and files below ``LOGISTICS_HOME``, and the landing folder, which may lie elsewhere."""

    root: Path
    landing: Path

    @classmethod
    def of(cls, settings: Settings) -> Home:
        """Return the home that ``settings`` name."""
        return cls(settings.home, settings.landing)

    @property
    def jars(self) -> Path:
        """Jars on the class path of every job."""
        return self.root / "jars"

    @property
    def ivy(self) -> Path:
        """Cache of the resolver, apart from the user's own."""
        return self.root / "ivy"

    @property
    def java(self) -> Path:
        """The bundled Java, completed by a wrapper."""
        return self.root / "java"

    @property
    def config(self) -> Path:
        """Files that `up` writes for the services."""
        return self.root / "config"

    @property
    def spark_properties(self) -> Path:
        """The ``--properties-file`` of every job, mode 0600."""
        return self.config / "spark.properties"

    @property
    def spark_daemon_properties(self) -> Path:
        """Properties of master and worker, mode 0600."""
        return self.config / "spark-daemons.properties"

    @property
    def session_properties(self) -> Path:
        """Properties of the warm session, mode 0600."""
        return self.config / "spark-session.properties"

    @property
    def rehearsal_properties(self) -> Path:
        """Properties of the rehearsal that makes the class-data archive, mode 0600."""
        return self.config / "spark-rehearsal.properties"

    @property
    def session(self) -> Path:
        """Where the warm session is and what lets one in, mode 0600; there while the stack has one."""
        return self.root / warm.KEPT

    @property
    def log4j2(self) -> Path:
        """Log levels of Spark's processes."""
        return self.config / "log4j2.properties"

    @property
    def supervisord_conf(self) -> Path:
        """What the supervisor runs, mode 0600."""
        return self.config / "supervisord.conf"

    @property
    def secrets(self) -> Path:
        """Generated secrets: folder 0700, files 0600."""
        return self.root / "secrets"

    @property
    def connections(self) -> Path:
        """The connections that hold secrets, for Airflow's secrets backend; mode 0600."""
        return self.secrets / "connections.json"

    @property
    def run(self) -> Path:
        """Pids, ports, markers."""
        return self.root / "run"

    @property
    def ports(self) -> Path:
        """The ports that were chosen."""
        return self.run / "ports.json"

    @property
    def up_lock(self) -> Path:
        """Held while the stack is started or stopped."""
        return self.run / "up.lock"

    @property
    def supervisord_pid(self) -> Path:
        """Pid of the supervisor."""
        return self.run / "supervisord.pid"

    @property
    def socket(self) -> Path:
        """Where the supervisor listens; in a private folder elsewhere if the home's path is too long for a socket."""
        here = self.run / "supervisord.sock"
        if len(os.fsencode(here)) <= _LONGEST_SOCKET:
            return here
        mark = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"logistics-{os.getuid()}-{mark}" / "supervisord.sock"

    @property
    def logs(self) -> Path:
        """One file for each service, and the folder of task logs."""
        return self.root / "logs"

    @property
    def task_logs(self) -> Path:
        """Airflow's task and DAG processor logs."""
        return self.logs / "airflow"

    def log(self, service: str) -> Path:
        """Return the log file of a service."""
        return self.logs / f"{service}.log"

    @property
    def postgres(self) -> Path:
        """The embedded server's folder, owned by the user it runs as."""
        return self.root / "postgres"

    @property
    def postgres_data(self) -> Path:
        """PGDATA."""
        return self.postgres / "data"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.root / "airflow"

    @property
    def airflow_cfg(self) -> Path:
        """Airflow's configuration with its secrets, mode 0600."""
        return self.airflow / "airflow.cfg"

    @property
    def migrated(self) -> Path:
        """Says which Airflow version migrated which database, so that the slow migration runs once."""
        return self.run / "migrated"

    @property
    def spark_work(self) -> Path:
        """Folders of the applications on the worker."""
        return self.root / "spark" / "work"

    @property
    def spark_scratch(self) -> Path:
        """Shuffle files."""
        return self.root / "spark" / "scratch"

    @property
    def class_archives(self) -> Path:
        """The JVM's archive of the classes that jobs load, see ``class_archive``."""
        return self.root / "spark" / "classes"

    @property
    def spark_recovery(self) -> Path:
        """What the Spark master knows of applications and workers, for one that takes the place of a lost one."""
        return self.root / "spark" / "recovery"

    @property
    def archive(self) -> Path:
        """Files whose records are committed."""
        return self.landing.parent / "archive"

    @property
    def failed(self) -> Path:
        """Files that could not be read."""
        return self.landing.parent / "failed"

    @property
    def processing(self) -> Path:
        """Files that a job has claimed."""
        return self.landing.parent / "processing"

    def create(self) -> None:
        """Make the folders that services expect, private to this user.

        Raises:
            EnvironmentFault: a folder cannot be made or is not ours.
        """
        try:
            if not self.root.exists():
                # As root the database runs as another user, who must be able to pass through.
                self.root.mkdir(parents=True, mode=0o711 if os.getuid() == 0 else 0o700)
            for folder in (self.config, self.secrets, self.run, self.logs, self.task_logs, self.airflow):
                folder.mkdir(mode=0o700, exist_ok=True)
            for folder in (self.spark_work, self.spark_scratch, self.spark_recovery, self.class_archives):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.landing, self.archive, self.failed, self.processing):
                folder.mkdir(parents=True, exist_ok=True)
            self.secrets.chmod(0o700)
            self._private_socket_folder()
        except OSError as error:
            raise EnvironmentFault(
                f"cannot make the stack's folders: {error.strerror or error} ({error.filename})",
                remedy="set LOGISTICS_HOME to a folder that this user owns and may write",
            ) from None

    def _private_socket_folder(self) -> None:
        folder = self.socket.parent
        if folder == self.run:
            return
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        # Anyone can make a folder in a shared temporary place: it must be a folder, ours, and closed to others.
        if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise EnvironmentFault(
                f"{folder} belongs to someone else", remedy="choose a LOGISTICS_HOME with a shorter path"
            )
