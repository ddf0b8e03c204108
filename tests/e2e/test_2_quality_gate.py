"""The gate in the real stack: a warning lets a run succeed, an error fails it at once; each is one mail."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from tests.e2e.mailbox import Mailbox, text
from tests.e2e.stack import Stack, states

_ORDER = "NOBODY-ORDERED-THIS"


def orders(stack: Stack) -> DeltaTable:
    return DeltaTable(str(stack.home / "lakehouse" / Path("silver", "orders")))


def plant_an_order(stack: Stack) -> None:
    """Append an order that no job wrote."""
    now = datetime.now(UTC)
    row: dict[str, Any] = {"order_id": _ORDER, "customer_id": 1, "is_deleted": False}
    row |= dict.fromkeys(("_ingested_at", "_changed_at", "_used_changed_at"), now)
    table = orders(stack)
    write_deltalake(table, pa.Table.from_pylist([row], schema=pa.schema(table.schema().to_arrow())), mode="append")


def checks(stack: Stack, run_id: str) -> dict[tuple[str, str, str], str]:
    rows = [row for row in stack.rows("ops.dq_metrics") if row["run_id"] == run_id]
    return {(row["layer"], row["table_name"], row["check_name"]): row["status"] for row in rows}


def test_what_warned_in_the_first_hours_was_mailed_once(stack: Stack, mailbox: Mailbox) -> None:
    warned = {row["run_id"] for row in stack.rows("ops.dq_metrics") if row["status"] == "warn"}
    assert warned
    first = mailbox.wait_for(lambda subject: "warning(s)" in subject)
    assert "file_lag_minutes (new)" in text(first)
    assert "at most 120" in text(first)
    digests = [text(mail) for mail in mailbox.mails if "warning(s)" in str(mail["Subject"])]
    new = [name for digest in digests for name in re.findall(r"^(\S+ \S+) \(new\):", digest, re.MULTILINE)]
    assert new
    assert len(new) == len(set(new)), "what was told today is not told again"


def test_an_error_fails_the_run_at_once_with_one_mail_and_after_the_repair_all_is_well(
    stack: Stack, mailbox: Mailbox
) -> None:
    good = stack.run()
    plant_an_order(stack)
    mails = len(mailbox.mails)
    result = stack.call("run", "--json", "--timeout", "1100")
    assert result.returncode == 1, result.stderr[-2000:]
    failed = json.loads(result.stdout)
    tries = {task["task_id"]: task["try_number"] for task in failed["tasks"]}
    assert states(failed)["data_quality_check"] == "failed"
    assert states(failed)["end"] == "upstream_failed"
    assert tries["data_quality_check"] == 1
    mail = text(mailbox.wait_for(lambda subject: "data_quality_check failed" in subject))
    assert "silver.orders rows_by_runs = 1, at most 0" in mail
    assert len(mailbox.mails) == mails + 1
    recorded = checks(stack, failed["dag_run_id"])
    assert recorded.keys() == checks(stack, good["dag_run_id"]).keys()
    assert recorded["silver", "orders", "rows_by_runs"] == "fail"

    audit = stack.call("audit")
    assert audit.returncode == 40, audit.stderr[-2000:]
    assert f"order_id={_ORDER} is one too many" in audit.stdout

    orders(stack).delete(f"order_id = '{_ORDER}'")
    assert states(stack.run())["data_quality_check"] == "success"
    mailbox.wait_for(lambda subject: "is well again" in subject)
    assert stack.call("audit").returncode == 0
