"""The machine on a laptop: PostgreSQL, Spark and Airflow as supervised processes."""
