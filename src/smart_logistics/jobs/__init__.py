"""One thin main for each spark-submit; ``catalog`` says what each is given. The jobs import nothing of Airflow."""
