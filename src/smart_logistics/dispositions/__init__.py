"""What people decided about excursions: written down once, chained by hashes, checked. Without a JVM."""
