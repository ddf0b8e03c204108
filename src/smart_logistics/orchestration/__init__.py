"""What the DAG is made of: operators, sensor, callbacks. Imports Airflow, never Spark."""
