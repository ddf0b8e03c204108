"""What people look at: pure reads of the lakehouse, without a JVM, for the pages, the reports and the command line."""
