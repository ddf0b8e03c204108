"""Silver: pure functions of frames.

``verdict`` judges, ``latest`` keeps the newest valid version of each key, ``shipment_history`` builds SCD2,
``readings`` and ``speed`` do the telemetry, ``dead_letter`` shapes what was rejected.
"""
