"""The machine on a laptop: PostgreSQL, Spark and Airflow as supervised processes.

home            every path of one stack's state
ports           free ports, chosen once and kept
credentials     generated secrets and how private files are written
java, jars      the Java that is used, the jars that Spark does not bring
postgres        the embedded server and its databases
spark           master, worker, and the properties of the jobs
airflow         configuration, environment and daemons
program         what a supervised process is; launch: how it is started so that it cannot outlive its supervisor
supervise       supervisord: configuration, start, control, stop; guard: undoes an `up` that died halfway
health          whether each service really answers
lifecycle       up and down, step by step
status, doctor  what is, and what is wrong
connections     how others reach what runs here
"""
