"""The name by which Airflow's parts find each other. Imported by every Airflow process, so it imports nothing."""


def hostname() -> str:
    """Return the loopback address: nothing of the local stack listens anywhere else."""
    return "127.0.0.1"
