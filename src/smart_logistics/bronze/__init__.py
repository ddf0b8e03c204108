"""Bronze: as received, plus where it came from. Nothing is corrected here."""
