"""The report of one shipment, for people who must show it to others: the same from the same versions of the tables."""
