"""How we reach in: PostgreSQL under one snapshot, telemetry files from the landing folder."""
