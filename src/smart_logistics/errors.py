"""One family of errors. Each says what failed, why, and what to do; the class says whether a retry can help."""

from __future__ import annotations

from typing import ClassVar


class LogisticsError(Exception):
    """What failed and why, with a remedy for the person who reads it.

    ``exit_code`` is what a job or the command line ends with; ``transient`` tells Airflow whether a retry can help;
    ``guide`` is the heading of docs/troubleshooting.md that an alert points at.
    """

    exit_code: ClassVar[int] = 1
    transient: ClassVar[bool] = False
    guide: ClassVar[str] = "a-driver-that-was-lost"

    def __init__(self, what: str, *, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} → {self.remedy}" if self.remedy else self.what


class ConfigurationError(LogisticsError):
    """A setting, connection or argument is missing or wrong."""

    exit_code = 10
    guide = "a-setting-that-is-missing-or-wrong"


class EnvironmentFault(LogisticsError):
    """The machine lacks something: Java, a jar, a port, disk, a permission."""

    exit_code = 11
    guide = "a-machine-that-lacks-something"


class SourceUnavailable(LogisticsError):
    """The source database or the landing folder does not answer; it may later."""

    exit_code = 20
    guide = "a-source-that-does-not-answer"
    transient = True


class SourceContractBroken(LogisticsError):
    """The source no longer has the tables, columns, types or rights that the contract names."""

    exit_code = 21
    guide = "a-source-that-is-not-what-was-agreed"


class LakeUnavailable(LogisticsError):
    """The lakehouse or the cluster cannot be reached or written; it may later."""

    exit_code = 30
    guide = "a-lakehouse-or-cluster-that-does-not-answer"
    transient = True


class LakeDamaged(LogisticsError):
    """A Delta table is not what its log or its contract says. Nothing is written until it is repaired."""

    exit_code = 31
    guide = "a-table-that-is-not-what-was-committed"


class LockHeld(LogisticsError):
    """Another process writes what this one wants to write."""

    exit_code = 32
    guide = "a-lock-that-somebody-holds"
    transient = True


class SessionUnusable(LogisticsError):
    """The warm session is lost, sick, or not made for what the job has to do: a driver of the job's own is."""

    exit_code = 33
    guide = "a-warm-session-that-cannot-be-used"
    transient = True


class QualityGateFailed(LogisticsError):
    """A data-quality check of severity error failed. Everything was recorded before this was raised."""

    exit_code = 40
    guide = "a-quality-gate-that-failed"


class ConstraintBroken(LogisticsError):
    """A row that breaks a constraint of its table was about to be written. Nothing of its commit was."""

    exit_code = 41
    guide = "a-constraint-that-a-row-breaks"


FAMILY: tuple[type[LogisticsError], ...] = (
    ConfigurationError,
    EnvironmentFault,
    SourceUnavailable,
    SourceContractBroken,
    LakeUnavailable,
    LakeDamaged,
    LockHeld,
    SessionUnusable,
    QualityGateFailed,
    ConstraintBroken,
)


def by_exit_code(code: int) -> type[LogisticsError]:
    """Return the error class of a job's exit code; unknown codes are the plain, non-transient family head."""
    return next((error for error in FAMILY if error.exit_code == code), LogisticsError)
