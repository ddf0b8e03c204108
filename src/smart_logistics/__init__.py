"""A cold-chain lakehouse that Airflow runs.

The folders, in the order in which a reading travels:

contracts      what each table is: columns, key, partition, rules; everything else derives from it (standard library)
settings       the only reader of the environment; errors: one family, by cause; processes: how they are ended
fleet          the sample fleet that `logistics seed` makes
sources        how we reach in: PostgreSQL under one snapshot, telemetry files from the landing folder
bronze         as received, plus where it came from
silver         typed, judged, historised; what fails goes to the dead letter with its reason
gold           answers: was each shipment within its limits, and if not when, where, how far, how long
quality        checks as data, over every layer
lake           the one room that opens Spark and reads and writes Delta
jobs           one thin main for each spark-submit
dispositions   what people decided about excursions, chained by hashes
reports        the report of one shipment, as a page and on paper
views          what people look at, read from the tables without a JVM
ops            the run log
orchestration  what the DAG is made of: operators, sensor, callbacks (imports Airflow, never Spark)
pages          what Airflow's API server shows: shipments at risk, the pipeline's health, the metrics
stack          the machine on a laptop: PostgreSQL, Spark, Airflow as supervised processes
cli            the console script `logistics`
"""
