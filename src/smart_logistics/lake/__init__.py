"""The only room that opens Spark and reads and writes Delta. ``spark_conf`` alone is for everyone (standard library)."""
