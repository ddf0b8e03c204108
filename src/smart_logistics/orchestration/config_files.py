"""Connections and Variables as versioned files: what `config/` says, checked whole, with the settings' values put in.

Imports no Airflow: `logistics up` reads them before there is one. A file that says something wrong is refused with all
that is wrong in it, so that nothing is started on half of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError
from smart_logistics.settings import BY_NAME, SETTINGS, Kind, Settings

FOLDER = settings.REPOSITORY / "config"
CONNECTIONS, VARIABLES = "connections.yaml", "variables.yaml"
POSTGRES, SPARK, LANDING, SMTP = "logistics_postgres", "logistics_spark", "logistics_landing", "logistics_smtp"
LAKEHOUSE = "logistics_lakehouse"
TYPES: Mapping[str, str] = {POSTGRES: "postgres", SPARK: "spark", LANDING: "fs", SMTP: "smtp"}
DATABASE, SECRETS = "database", "secrets"
GIVEN, ALWAYS = "given", "always"
# What the provider reads of a Spark connection's extra. Another name, a slip such as deploy_mode, it passes over.
SPARK_EXTRAS = frozenset(
    {"deploy-mode", "queue", "namespace", "principal", "keytab", "rest-scheme", "rest-port", "spark-binary"}
    | {"yarn_resourcemanager_webapp_address"}
)
# Values that follow from settings and are none themselves.
DERIVED: Mapping[str, str] = {
    "SMTP_DISABLE_SSL": "false where LOGISTICS_SMTP_PORT is 465, else true",
    "SMTP_DISABLE_TLS": "false where LOGISTICS_SMTP_PORT is 587, else true",
}
_FIELDS = frozenset({"conn_type", "description", "host", "port", "login", "password", "schema", "extra"})
_OURS = frozenset({"keep", "only_with", "dsn"})
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_SECRET_WORDS = ("password", "secret", "token", "key", "credential")


@dataclass(frozen=True)
class ConnectionEntry:
    """A connection as its file says it; ``fields`` hold placeholders."""

    conn_id: str
    keep: str
    only_with: str | None
    fields: Mapping[str, Any]

    def filled(self, value_of: Callable[[str], Any]) -> dict[str, Any]:
        """Return the fields with their values; those without one are left out."""
        found: dict[str, Any] = _filled(self.fields, value_of)
        return found


@dataclass(frozen=True)
class VariableEntry:
    """A Variable, the setting that it gets its value of, and whether that wins over an edit that nobody asked for."""

    key: str
    setting: str
    always: bool


def read_connections(folder: Path = FOLDER) -> list[ConnectionEntry]:
    """Return what `connections.yaml` says.

    Raises:
        ConfigurationError: it cannot be read or says something wrong; all of it is named.
    """
    found = _mapping(folder / CONNECTIONS)
    wrong = [f"{conn_id} is missing" for conn_id in TYPES if conn_id not in found]
    for conn_id, entry in found.items():
        wrong += [f"{conn_id}: {one}" for one in _wrong_connection(str(conn_id), entry)]
    _refuse(folder / CONNECTIONS, wrong)
    return [
        ConnectionEntry(
            conn_id,
            entry["keep"],
            entry.get("only_with"),
            {name: value for name, value in entry.items() if name not in ("keep", "only_with")},
        )
        for conn_id, entry in found.items()
    ]


def read_variables(folder: Path = FOLDER) -> list[VariableEntry]:
    """Return what `variables.yaml` says: each JOB setting's Variable, and that of the lakehouse.

    Raises:
        ConfigurationError: it cannot be read or says something wrong; all of it is named.
    """
    found = _mapping(folder / VARIABLES)
    wanted = {one.airflow_variable: one.name for one in SETTINGS if one.kind is Kind.JOB} | {LAKEHOUSE: "LAKEHOUSE"}
    wrong = [f"{key} is missing" for key in wanted if key not in found]
    for key, entry in found.items():
        wrong += [f"{key}: {one}" for one in _wrong_variable(str(key), entry, wanted)]
    _refuse(folder / VARIABLES, wrong)
    return [VariableEntry(key, wanted[key], entry["overwrite"] == ALWAYS) for key, entry in found.items()]


def kept_port(loaded: Settings, name: str) -> int | None:
    """Return a port that the local stack keeps in its home; None where it keeps none."""
    try:
        return int(json.loads((loaded.home / "run" / "ports.json").read_text(encoding="utf-8"))[name])
    except (OSError, ValueError, KeyError):
        return None


def _refuse(path: Path, wrong: list[str]) -> None:
    if wrong:
        raise ConfigurationError(f"{path.name} is not usable: {'; '.join(wrong)}", remedy=f"correct {path}")


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML brings no types
    """The safe loader, which refuses a key that comes twice instead of taking the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"{key} comes twice", problem_mark=key_node.start_mark)
            seen.add(key)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def _mapping(path: Path) -> dict[str, Any]:
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a subclass of the safe loader
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}", remedy="restore it from the repository") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ConfigurationError(
            f"{path.name} is not YAML, line {line}: {error.problem}", remedy=f"correct {path}"
        ) from None
    except (yaml.YAMLError, TypeError) as error:
        raise ConfigurationError(f"{path.name} is not YAML: {error}", remedy=f"correct {path}") from None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path.name} is not a mapping by name", remedy=f"correct {path}")
    return found


def _wrong_variable(key: str, entry: Any, wanted: Mapping[str, str]) -> Iterator[str]:
    if key not in wanted:
        yield f"there is no such Variable{_perhaps(key, wanted)}"
        return
    if not isinstance(entry, dict) or set(entry) != {"value", "overwrite"}:
        yield "needs value and overwrite, and nothing else"
        return
    if entry["value"] != f"${{{wanted[key]}}}":
        yield f"its value must be ${{{wanted[key]}}}: what it is belongs into the environment"
    if entry["overwrite"] not in (GIVEN, ALWAYS):
        yield f"overwrite must be {GIVEN} or {ALWAYS}"


def _wrong_connection(conn_id: str, entry: Any) -> Iterator[str]:
    if conn_id not in TYPES:
        yield f"there is no such connection{_perhaps(conn_id, TYPES)}"
        return
    if not isinstance(entry, dict):
        yield "is not a mapping of fields"
        return
    for name in entry:
        if name not in _FIELDS | _OURS:
            yield f"there is no field {name}{_perhaps(str(name), _FIELDS | _OURS)}"
    if entry.get("conn_type") != TYPES[conn_id]:
        yield f"conn_type must be {TYPES[conn_id]}"
    if entry.get("keep") not in (DATABASE, SECRETS):
        yield f"keep must be {DATABASE} or {SECRETS}"
    if "only_with" in entry and entry["only_with"] not in BY_NAME:
        yield f"only_with names no setting: {entry['only_with']}"
    if not isinstance(entry.get("extra", {}), dict):
        yield "extra is not a mapping"
    elif conn_id == SPARK:
        for name in set(entry.get("extra", {})) - SPARK_EXTRAS:
            yield f"its extra has no {name}{_perhaps(str(name), SPARK_EXTRAS)}"
    yield from _wrong_values(entry)


def _wrong_values(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield placeholders that name nothing, secrets that are written out, and secrets that would reach the database."""
    for name, value in _leaves(entry):
        placeholder = _name_of(value)
        if placeholder is None:
            if isinstance(value, str) and _PLACEHOLDER.search(value):
                yield f"{name}: a placeholder stands alone, without other text"
            elif name == "dsn" or any(word in name.lower() for word in _SECRET_WORDS):
                yield f"{name} is written out: a secret comes from a setting, as ${{NAME}}"
        elif placeholder not in BY_NAME and placeholder not in DERIVED:
            yield f"{name}: there is no setting {placeholder}{_perhaps(placeholder, [*BY_NAME, *DERIVED])}"
        elif placeholder in BY_NAME and BY_NAME[placeholder].kind is Kind.PRIVATE and entry.get("keep") != SECRETS:
            yield f"{name} is a secret: keep must be {SECRETS}"


def _leaves(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, one in value.items():
        if isinstance(one, dict):
            yield from _leaves(one)
        else:
            yield str(name), one


def _name_of(value: Any) -> str | None:
    """Return the name that a placeholder holds; None for any other value."""
    match = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else None


def _filled(value: Any, value_of: Callable[[str], Any]) -> Any:
    if isinstance(value, dict):
        pairs = ((name, _filled(one, value_of)) for name, one in value.items())
        return {name: one for name, one in pairs if one is not None}
    placeholder = _name_of(value)
    return value if placeholder is None else value_of(placeholder)


def _perhaps(name: str, known: Any) -> str:
    near = get_close_matches(name, list(known), 1)
    return f" (perhaps {near[0]}?)" if near else f" (one of: {', '.join(sorted(known))})"
