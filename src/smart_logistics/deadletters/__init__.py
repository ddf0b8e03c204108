"""The dead letter as a person works it: found, shown, corrected and sent again, discarded. Without a JVM."""
