"""Airflow: its configuration, the environment of its processes, and its daemons."""

from __future__ import annotations

import configparser
import io
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from smart_logistics.errors import EnvironmentFault
from smart_logistics.parsing import STACK_USER
from smart_logistics.settings import PREFIX, REPOSITORY, SETTINGS, Kind, Settings
from smart_logistics.stack import monitoring, postgres
from smart_logistics.stack.credentials import FERNET_KEY, secret, write_private
from smart_logistics.stack.home import Home
from smart_logistics.stack.java import Java
from smart_logistics.stack.ports import LOOPBACK, Ports
from smart_logistics.stack.program import YIELDS, Program, configured_by, run
from smart_logistics.stack.spark import processors, spark_python

AIRFLOW_VERSION = "3.3.2"
USER = STACK_USER
PASSWORD = "airflow-admin"  # noqa: S105 - the name of a secret, not one
_PASSWORD_OF = "airflow-user-"  # noqa: S105 - how the names of people's begin
METRICS_TOKEN = "metrics-token"  # noqa: S105 - likewise
API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERER = (
    "airflow-api",
    "airflow-scheduler",
    "airflow-dags",
    "airflow-triggerer",
)
LOG_SERVER = "airflow-logs"
FILE_BACKEND = "airflow.secrets.local_filesystem.LocalFilesystemBackend"


@dataclass(frozen=True)
class Login:
    """Who may log in to Airflow, with which role, and the name of the secret that is the password."""

    name: str
    role: str
    secret: str


def logins(settings: Settings) -> list[Login]:
    """Return the stack's own administrator, whom its programs log in as and must be the first, and the people."""
    people = settings["AIRFLOW_USERS"] or ()
    return [Login(USER, "admin", PASSWORD), *(Login(name, role, f"{_PASSWORD_OF}{name}") for name, role in people)]


def told(settings: Settings, home: Home) -> list[str]:
    """Return a line for each login: its name and where its password is, not the password."""
    return [f"user {one.name} ({one.role}), password in {home.secrets / one.secret}" for one in logins(settings)]


def check_version() -> None:
    """Raise EnvironmentFault unless the Airflow beside us is the one that everything was tried with."""
    try:
        found = metadata.version("apache-airflow")
    except metadata.PackageNotFoundError:
        raise EnvironmentFault("Airflow is not installed beside `logistics`", remedy="run `make install`") from None
    if found != AIRFLOW_VERSION:
        raise EnvironmentFault(f"Airflow is {found}, but {AIRFLOW_VERSION} is needed", remedy="run `make install`")


def base_url(ports: Ports) -> str:
    """Return the address of the pages and the API."""
    return f"http://{LOOPBACK}:{ports['AIRFLOW_PORT']}"


def metrics_token(home: Home) -> Path:
    """Return the file that holds the token for scraping; it is made the first time."""
    secret(home, METRICS_TOKEN)
    return home.secrets / METRICS_TOKEN


def _options(settings: Settings, home: Home, ports: Ports) -> dict[str, dict[str, str]]:
    database = postgres.dsn(home, ports, postgres.AIRFLOW_DATABASE).replace(
        "postgresql://", "postgresql+psycopg2://", 1
    )
    return {
        "core": {
            "dags_folder": str(REPOSITORY / "dags"),
            "plugins_folder": str(home.airflow / "plugins"),
            "executor": "LocalExecutor",
            # The two branches of the pipeline, the two of upkeep, and the watch between them.
            "parallelism": str(max(5, processors() + 3)),
            "load_examples": "False",
            # Hourly means hourly, without a click. The DAG is declared so that its first run is at the next full hour:
            # one at once would meet an empty source, and get in the way of the first run that a person asks for.
            "dags_are_paused_at_creation": "False",
            "default_timezone": "utc",
            "hostname_callable": "smart_logistics.stack.loopback.hostname",
            "execution_api_server_url": f"{base_url(ports)}/execution/",
            "fernet_key": secret(home, FERNET_KEY),
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "simple_auth_manager_users": ",".join(f"{one.name}:{one.role}" for one in logins(settings)),
            "simple_auth_manager_passwords_file": str(_passwords(home)),
            "simple_auth_manager_all_admins": "False",
        },
        "database": {
            "sql_alchemy_conn": database,
            "load_default_connections": "False",
            "sql_alchemy_pool_size": "5",
        },
        "api": {
            "host": LOOPBACK,
            "port": str(ports["AIRFLOW_PORT"]),
            "base_url": base_url(ports),
            "workers": "1",
            "secret_key": secret(home, "airflow-api-secret"),
            "expose_config": "False",
            "instance_name": "Smart Logistics",
        },
        # What a Prometheus shows to be let in to /logistics/metrics, and to nothing else.
        "smart_logistics": {"metrics_token_file": str(metrics_token(home))},
        "api_auth": {"jwt_secret": secret(home, "airflow-jwt-secret")},
        "logging": {
            "base_log_folder": str(home.task_logs),
            "dag_processor_child_process_log_directory": str(home.task_logs / "dag_processor"),
            "colored_console_log": "False",
            "worker_log_server_port": str(ports["AIRFLOW_LOG_PORT"]),
            "trigger_log_server_port": str(ports["AIRFLOW_LOG_PORT"]),
            "file_task_handler_new_folder_permissions": "0o700",
            "file_task_handler_new_file_permissions": "0o600",
        },
        # A task hears at its next heartbeat that it was cleared or marked: every three seconds. Three missed ones would
        # kill it because its API server restarted; thirty-four outlast a restart. And five seconds are too short for an
        # answer where everything shares two processors.
        "workers": {
            "min_heartbeat_interval": "3",
            "max_failed_heartbeats": "34",
            "execution_api_timeout": "60",
        },
        # A run is nine tasks one after the other, and each waits for the scheduler's next look, which takes 17 ms.
        "scheduler": {
            "scheduler_heartbeat_sec": "5",
            "scheduler_idle_sleep_time": "0.1",
            # What a killed scheduler had running is tried again so soon, and not after five minutes.
            "orphaned_tasks_check_interval": "60",
            "enable_health_check": "False",
        },
        "triggerer": {"capacity": "100"},
        # One machine, a handful of DAG files: one parser, looking often enough to see an edit within half a minute.
        "dag_processor": {
            "parsing_processes": "1",
            "min_file_process_interval": "30",
            "refresh_interval": "30",
            "dag_file_processor_timeout": "120",
        },
    }


def _secrets(settings: Settings, home: Home) -> dict[str, dict[str, str]]:
    """Return where Airflow looks for a connection before its own database: in our file, or where the settings say."""
    if settings["SECRETS_BACKEND"]:
        backend, arguments = settings["SECRETS_BACKEND"], settings["SECRETS_BACKEND_KWARGS"]
    else:
        backend, arguments = FILE_BACKEND, json.dumps({"connections_file_path": str(home.connections)})
    return {"secrets": {"backend": backend, "backend_kwargs": arguments}}


def write_configuration(settings: Settings, home: Home, ports: Ports) -> None:
    """Write airflow.cfg and the file of the users' passwords, both 0600."""
    (home.airflow / "plugins").mkdir(exist_ok=True)
    parser = configparser.RawConfigParser()
    sections = {**_options(settings, home, ports), **_secrets(settings, home), **monitoring.options(settings)}
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    for section, options in sections.items():
        # Airflow interpolates its file: a per cent sign is written twice.
        parser[section] = {name: value.replace("%", "%%") for name, value in options.items()}
    text = io.StringIO()
    parser.write(text)
    write_private(home.airflow_cfg, text.getvalue())
    _write_passwords(settings, home)


def _passwords(home: Home) -> Path:
    return home.secrets / "airflow-passwords.json"


def _write_passwords(settings: Settings, home: Home) -> None:
    """Write each login's password for Airflow, and forget those of people who are gone: who comes back gets another."""
    wanted = logins(settings)
    write_private(_passwords(home), json.dumps({one.name: secret(home, one.secret) for one in wanted}) + "\n")
    for left in set(home.secrets.glob(f"{_PASSWORD_OF}*")) - {home.secrets / one.secret for one in wanted}:
        left.unlink()


def environment(settings: Settings, home: Home, java: Java) -> dict[str, str]:
    """Return what every Airflow process gets: places and settings, nothing secret."""
    given = {
        setting.variable: os.environ[setting.variable]
        for setting in SETTINGS
        if setting.name in settings.given and setting.kind is not Kind.PRIVATE and setting.variable in os.environ
    }
    given |= {
        f"{PREFIX}HOME": str(home.root),
        f"{PREFIX}LAKEHOUSE": settings.lakehouse,
        f"{PREFIX}LANDING": str(home.landing),
        "AIRFLOW_HOME": str(home.airflow),
        "JAVA_HOME": str(java.home),
        "PYSPARK_PYTHON": str(spark_python()),
        "SPARK_LOCAL_IP": LOOPBACK,
        # Lets a process keep its environment readable when it renames itself, so that `down` finds it.
        "SPT_NOENV": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    }
    given |= monitoring.environment(settings)
    if settings["SPARK_MASTER"] is not None:
        # A cluster elsewhere must be able to call back.
        del given["SPARK_LOCAL_IP"]
    return given


def programs(home: Home, ports: Ports, environment: Mapping[str, str]) -> list[Program]:
    """Return the daemons.

    The server of running tasks' logs is a program of its own: started by Airflow it would listen on every interface.
    """
    python = sys.executable
    surroundings = {**environment, **configured_by(home.airflow_cfg)}
    api = (python, "-m", "airflow", "api-server", "--host", LOOPBACK, "--port", str(ports["AIRFLOW_PORT"]))
    logs = (
        *(python, "-m", "uvicorn", "--factory", "airflow.utils.serve_logs.log_server:get_app", "--no-access-log"),
        *("--host", LOOPBACK, "--port", str(ports["AIRFLOW_LOG_PORT"]), "--log-level", "warning"),
    )
    return [
        Program(API_SERVER, api, surroundings, port=ports["AIRFLOW_PORT"], path="/"),
        # Ends its tasks and their drivers first.
        Program(
            SCHEDULER,
            (python, "-m", "smart_logistics.orchestration.scheduler", "scheduler", "--skip-serve-logs"),
            surroundings,
            stop_seconds=40,
        ),
        # It reads the files again and again beside the jobs, and nobody waits for it.
        Program(DAG_PROCESSOR, (python, "-m", "airflow", "dag-processor"), surroundings, niceness=YIELDS),
        Program(TRIGGERER, (python, "-m", "airflow", "triggerer", "--skip-serve-logs"), surroundings),
        Program(LOG_SERVER, logs, surroundings, port=ports["AIRFLOW_LOG_PORT"]),
    ]


def migrate(home: Home, environment: Mapping[str, str]) -> None:
    """Bring Airflow's database to this version."""
    run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        what="preparing Airflow's database",
        home=home,
        environment=environment,
        remedy="check the database server's log and free space",
    )


def provision(home: Home, environment: Mapping[str, str]) -> None:
    """Write connections and variables into Airflow's database, and see that its secrets backend has the others."""
    run(
        [sys.executable, "-m", "smart_logistics.orchestration.provision"],
        what="writing Airflow's connections and variables",
        home=home,
        environment=environment,
        remedy="correct the setting or file that it names",
    )
