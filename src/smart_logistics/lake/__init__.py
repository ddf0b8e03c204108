"""The only room that opens Spark and reads and writes Delta. What needs no Spark is for everyone."""
