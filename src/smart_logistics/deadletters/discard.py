"""Closing letters that nobody will correct. A record that is on its way or in Silver already is none of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from smart_logistics.contracts.rules import Reason, Reprocessing
from smart_logistics.contracts.source import BY_NAME
from smart_logistics.deadletters import held, letters, lineage
from smart_logistics.deadletters.desk import Desk, Outcome, State
from smart_logistics.deadletters.letters import Letter, Wanted


def discard(desk: Desk, ids: Sequence[str], why: str, *, dry_run: bool = False) -> list[Outcome]:
    """Mark these letters DISCARDED, with ``why`` and who in their detail, or with ``dry_run`` say which would be.

    Idempotent. An orphan that is discarded is not tried again.

    Raises:
        LockHeld: a job runs for longer than we wait.
    """
    everything = Wanted(ids=tuple(ids), statuses=letters.ANY)
    with ExitStack() as alone:
        if not dry_run:
            letters.require_local(desk.lakehouse)
            alone.enter_context(desk.alone(letters.find(desk.lakehouse, everything)))
        files = held.files_on_their_way(desk.lakehouse, desk.folders)
        outcomes = []
        for letter in letters.find(desk.lakehouse, everything):
            refusal = _refusal(desk, letter, files)
            state = State.REFUSED if refusal else State.DISCARDABLE if dry_run else State.DISCARDED
            outcomes.append(Outcome(letter, state, refusal or why))
        closed = [one.letter.record_id for one in outcomes if one.state is State.DISCARDED]
        # In brackets: the detail of a letter must not end as that of one which a newer version closed.
        letters.mark(desk.lakehouse, closed, Reprocessing.DISCARDED, f"; discarded ({desk.author}: {why})")
    return outcomes


def review(desk: Desk, ids: Sequence[str]) -> list[str]:
    """Mark those of the letters REVIEWED that are PENDING; return their ids."""
    pending = Wanted(ids=tuple(ids), statuses=(Reprocessing.PENDING.value,))
    found = [letter.record_id for letter in letters.find(desk.lakehouse, pending)]
    return letters.mark(desk.lakehouse, found, Reprocessing.REVIEWED, f"; reviewed ({desk.author})")


def _refusal(desk: Desk, letter: Letter, files: dict[str, str]) -> str:
    """Return why a letter cannot be discarded; empty where it can."""
    if not letter.is_open:
        return f"is {letter.status}"
    if letter.is_telemetry:
        return files.get(letter.record_id, "")
    if not letter.key.strip():
        return ""
    source = BY_NAME[letter.table]
    key = held.typed_key(source, letter.key)
    if lineage.run_id(letter.record_id) in held.newer_runs(desk.lakehouse, source, key, letter.ingested_at):
        return "its corrected version is in Bronze"
    is_orphan = letter.reason == Reason.INVALID_FOREIGN_KEY.name
    if is_orphan and held.version(desk.lakehouse, letter.table, key, letter.ingested_at):
        return "its row is in Silver: the next run closes it"
    return ""
