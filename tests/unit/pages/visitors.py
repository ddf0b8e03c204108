"""Who comes to the application: nobody, an Airflow viewer, an Airflow user; each with a cookie as a browser has it."""

from __future__ import annotations

from airflow.api_fastapi.app import create_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.security import COOKIE_NAME_JWT_TOKEN
from fastapi import FastAPI
from fastapi.testclient import TestClient

from smart_logistics.pages import application

HERE = {"Sec-Fetch-Site": "same-origin"}


def token(role: str, name: str) -> str:
    made: str = create_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=role))
    return made


def visitor(role: str | None, name: str = "asha") -> TestClient:
    """Return a browser that is logged in as ``name`` in a role, or not at all."""
    create_auth_manager()
    root = FastAPI()
    root.mount("/logistics", application.make())
    client = TestClient(root, base_url="http://lake.example:8080", follow_redirects=False)
    if role is not None:
        client.cookies.set(COOKIE_NAME_JWT_TOKEN, token(role, name))
    return client
