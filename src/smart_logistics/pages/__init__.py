"""What the pipeline adds to Airflow's own server: below ``/logistics``, behind Airflow's own log-in."""
