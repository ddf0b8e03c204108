"""Gold: the answer for each shipment, as pure functions of frames."""
