"""What is written for Spark and Airflow: private, complete, and without secrets where others can look."""

from __future__ import annotations

import json
import stat
from configparser import ConfigParser, RawConfigParser
from pathlib import Path

import pytest

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError, EnvironmentFault, SourceUnavailable
from smart_logistics.settings import Settings
from smart_logistics.stack import airflow, connections, plan, ports, postgres, program, source, spark
from smart_logistics.stack.home import Home
from smart_logistics.stack.java import Java
from smart_logistics.stack.supervise import render

JAVA = Java(Path("/java home"), 17, "a test")
CANARY = "canary-secret"


def test_the_jobs_properties_are_private_and_leave_room_for_a_second_application(given: Settings, home: Home) -> None:
    chosen = ports.choose(given, home)
    spark.write_properties(given, home, chosen, JAVA)
    lines = home.spark_properties.read_text().splitlines()
    properties = dict(line.split(" ", 1) for line in lines)
    assert stat.S_IMODE(home.spark_properties.stat().st_mode) == 0o600
    assert properties["spark.master"] == f"spark://127.0.0.1:{chosen['SPARK_PORT']}"
    worker = spark.programs(given, home, chosen, JAVA)[1].command
    # And for the warm session, which stays.
    assert int(worker[worker.index("--cores") + 1]) == 3 * int(properties["spark.cores.max"])
    assert properties["spark.authenticate.secret"] not in " ".join(worker)


def test_with_another_cluster_no_daemon_is_started_and_no_secret_is_sent_there(root: Path, home: Home) -> None:
    elsewhere = settings.load({"LOGISTICS_HOME": str(root), "LOGISTICS_SPARK_MASTER": "spark://far:7077"})
    chosen = ports.choose(elsewhere, home)
    spark.write_properties(elsewhere, home, chosen, JAVA)
    assert spark.programs(elsewhere, home, chosen, JAVA) == []
    assert "spark.master spark://far:7077" in home.spark_properties.read_text()
    assert "authenticate" not in home.spark_properties.read_text()
    # Their executors call the driver back.
    assert "127.0.0.1" not in home.spark_properties.read_text()


def test_secrets_are_in_private_files_and_in_no_environment_or_command(
    root: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        "LOGISTICS_HOME": str(root),
        "LOGISTICS_SOURCE_DSN": f"postgresql://u:{CANARY}@far:5432/db",
        "LOGISTICS_SMTP_PASSWORD": CANARY,
        "LOGISTICS_RETRIES": "1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    given = settings.load()
    chosen = ports.choose(given, home)
    airflow.write_configuration(given, home, chosen)
    spark.write_properties(given, home, chosen, JAVA)
    connections.remember_secrets(given, home, connections.remember_source(given, home, chosen))
    made = plan.Plan(given, home, chosen, JAVA, airflow.environment(given, home, JAVA))
    text = render(home, made.programs()) + "".join(program.environment_text() for program in made.programs())
    assert made.environment["LOGISTICS_RETRIES"] == "1"
    assert CANARY not in text + str(plan.supervisor_environment(made))
    for path in home.secrets.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().strip() not in text
    assert connections.source_dsn(settings.load({"LOGISTICS_HOME": str(root)})) == variables["LOGISTICS_SOURCE_DSN"]


def test_airflow_listens_on_loopback_only_and_its_configuration_is_private(given: Settings, home: Home) -> None:
    chosen = ports.choose(given, home)
    airflow.write_configuration(given, home, chosen)
    found = ConfigParser()
    found.read(home.airflow_cfg)
    assert stat.S_IMODE(home.airflow_cfg.stat().st_mode) == 0o600
    assert found["api"]["host"] == "127.0.0.1"
    assert found["core"]["load_examples"] == "False"
    assert found["database"]["sql_alchemy_conn"].startswith("postgresql+psycopg2://airflow:")
    commands = [program.command for program in airflow.programs(home, chosen, {})]
    assert all("--skip-serve-logs" in command for command in commands if command[-2] in ("scheduler", "triggerer"))


def written_for(root: Path, home: Home, people: str) -> tuple[str, dict[str, str]]:
    """Write the configuration for people, and return Airflow's list of users and their passwords."""
    given = settings.load({"LOGISTICS_HOME": str(root), "LOGISTICS_AIRFLOW_USERS": people})
    airflow.write_configuration(given, home, ports.choose(given, home))
    found = ConfigParser()
    found.read(home.airflow_cfg)
    passwords = Path(found["core"]["simple_auth_manager_passwords_file"])
    assert stat.S_IMODE(passwords.stat().st_mode) == 0o600
    return found["core"]["simple_auth_manager_users"], json.loads(passwords.read_text())


def test_people_come_after_the_stacks_own_login_each_with_a_password_in_a_private_file(root: Path, home: Home) -> None:
    users, passwords = written_for(root, home, "asha:user,vera.v@x:viewer")
    # The DAGs ask Airflow as the first.
    assert users == "admin:admin,asha:user,vera.v@x:viewer"
    assert list(passwords) == ["admin", "asha", "vera.v@x"]
    assert len(set(passwords.values())) == 3
    given = settings.load({"LOGISTICS_HOME": str(root), "LOGISTICS_AIRFLOW_USERS": "asha:user,vera.v@x:viewer"})
    for line, (name, password) in zip(airflow.told(given, home), passwords.items(), strict=True):
        file = Path(line.partition("password in ")[2])
        assert line.startswith(f"user {name} (")
        assert (file.read_text().strip(), stat.S_IMODE(file.stat().st_mode)) == (password, 0o600)
        assert password not in line
    assert all(password not in home.airflow_cfg.read_text() for password in passwords.values())


def test_a_password_stays_and_one_who_was_taken_out_gets_another(root: Path, home: Home) -> None:
    _, first = written_for(root, home, "asha:user,vera:viewer")
    users, without = written_for(root, home, "asha:op")
    assert (users, without) == ("admin:admin,asha:op", {name: first[name] for name in ("admin", "asha")})
    _, again = written_for(root, home, "asha:user,vera:viewer")
    assert again["asha"] == first["asha"]
    assert again["vera"] != first["vera"]


def test_without_people_the_stack_has_its_own_login_only(root: Path, home: Home) -> None:
    users, passwords = written_for(root, home, "")
    assert (users, list(passwords)) == ("admin:admin", ["admin"])


@pytest.mark.parametrize(
    ("people", "told"),
    [
        (CANARY, "NAME:ROLE"),
        ("asha:user,", "NAME:ROLE"),
        (f"asha:{CANARY}", "viewer, user, op, admin"),
        ("asha:User", "viewer, user, op, admin"),
        ("asha:user:team", "viewer, user, op, admin"),
        (":user", "a name must be"),
        ("../asha:user", "a name must be"),
        (f"{'a' * 65}:user", "a name must be"),
        ("a sha:user", "a name must be"),
        ("admin:viewer", "own administrator"),
        ("Admin:op", "own administrator"),
        ("asha:user,vera:viewer,Asha:op", "once"),
    ],
)
def test_who_cannot_be_let_in_is_refused_with_what_it_must_be(people: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"LOGISTICS_AIRFLOW_USERS is not usable: .*{told}") as caught:
        settings.load({"LOGISTICS_AIRFLOW_USERS": people})
    # It may be a secret that was put into the wrong variable.
    assert CANARY not in str(caught.value)


def test_spaces_around_people_are_nothing() -> None:
    read = settings.load({"LOGISTICS_AIRFLOW_USERS": " asha : user , vera:viewer "})
    assert read["AIRFLOW_USERS"] == (("asha", "user"), ("vera", "viewer"))


def test_who_read_another_file_or_holds_earlier_code_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, code = tmp_path / "airflow.cfg", tmp_path / "package" / "room" / "module.py"
    code.parent.mkdir(parents=True)
    monkeypatch.setattr(program, "_CODE", tmp_path / "package")
    seen = []
    for configuration, source_code in (("a", "1"), ("b", "1"), ("b", "2"), ("b", "2")):
        given.write_text(configuration)
        code.write_text(source_code)
        seen.append(json.dumps(program.configured_by(given)))
    assert len(set(seen)) == 3
    assert seen[2] == seen[3]


def test_another_airflows_settings_are_not_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://elsewhere/production")
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    monkeypatch.setenv("SPARK_HOME", "/other")
    monkeypatch.setenv("PGPASSWORD", CANARY)
    kept = plan.base_environment()
    assert {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "SPARK_HOME", "PGPASSWORD"}.isdisjoint(kept)
    assert kept["AIRFLOW__METRICS__STATSD_ON"] == "True"


def test_postgres_is_reached_by_tcp_on_loopback_with_a_password_only(given: Settings, home: Home) -> None:
    words = postgres.program(home, ports.choose(given, home)).command
    assert "listen_addresses=127.0.0.1" in words
    assert "unix_socket_directories=" in words


def test_a_full_disk_is_noticed_before_anything_is_started(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "NEEDED_BYTES", 1 << 62)
    with pytest.raises(EnvironmentFault, match="MB are free") as caught:
        plan.check_space(home)
    assert caught.value.remedy


def test_a_source_that_does_not_answer_is_told_without_its_password() -> None:
    with pytest.raises(SourceUnavailable, match=r"u@127\.0\.0\.1:1/db cannot be reached") as caught:
        source.check(f"postgresql://u:{CANARY}@127.0.0.1:1/db")
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "dsn", [f"mysql://u:{CANARY}@h/db", CANARY, f"postgresql://u:{CANARY}@h", "postgresql://h:x/db"]
)
def test_what_is_not_a_dsn_is_refused_without_showing_it(dsn: str) -> None:
    with pytest.raises(ConfigurationError, match="not a DSN") as caught:
        source.check(dsn)
    assert CANARY not in str(caught.value)


def test_without_a_stack_others_are_told_to_start_one(given: Settings, home: Home) -> None:
    with pytest.raises(ConfigurationError, match="no source database"):
        connections.source_dsn(given)
    with pytest.raises(EnvironmentFault, match="there is no stack"):
        connections.airflow_api(given)


def test_connections_with_secrets_lie_in_a_private_file_that_airflows_backend_reads(root: Path, home: Home) -> None:
    given = settings.load(
        {"LOGISTICS_HOME": str(root), "LOGISTICS_SMTP_HOST": "mail", "LOGISTICS_SMTP_PASSWORD": CANARY}
    )
    chosen = ports.choose(given, home)
    airflow.write_configuration(given, home, chosen)
    connections.remember_secrets(given, home, f"postgresql://u:{CANARY}@h/d")
    found = RawConfigParser()
    found.read(home.airflow_cfg)
    assert found["secrets"]["backend"] == airflow.FILE_BACKEND
    assert json.loads(found["secrets"]["backend_kwargs"]) == {"connections_file_path": str(home.connections)}
    assert stat.S_IMODE(home.connections.stat().st_mode) == 0o600
    written = json.loads(home.connections.read_text())
    assert {name: fields["password"] for name, fields in written.items()} == {
        "logistics_postgres": CANARY,
        "logistics_smtp": CANARY,
    }
    assert CANARY not in home.airflow_cfg.read_text()


def test_another_secrets_backend_takes_the_place_of_the_file(root: Path, home: Home) -> None:
    vault = "airflow.providers.hashicorp.secrets.vault.VaultBackend"
    arguments = {"connections_path": "airflow/connections", "url": "https://vault:8200", "token": "50%"}
    names = {"HOME": str(root), "SECRETS_BACKEND": vault, "SECRETS_BACKEND_KWARGS": json.dumps(arguments)}
    given = settings.load({f"LOGISTICS_{name}": value for name, value in names.items()})
    home.connections.write_text("of an earlier `up`")
    airflow.write_configuration(given, home, ports.choose(given, home))
    connections.remember_secrets(given, home, f"postgresql://u:{CANARY}@h/d")
    found = ConfigParser()
    found.read(home.airflow_cfg)
    assert found["secrets"]["backend"] == vault
    assert json.loads(found["secrets"]["backend_kwargs"]) == arguments
    assert not home.connections.exists()
    # They hold a token: no process gets them by its environment.
    assert "50%" not in str(airflow.environment(given, home, JAVA))
