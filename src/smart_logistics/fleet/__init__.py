"""The sample fleet: trucks on Indian corridors, with faults planted in known numbers.

``plan`` cuts it into blocks that are made one at a time, so that any ``--scale`` fits in memory. ``masters``,
``trips``, ``paperwork``, ``readings`` and ``telemetry`` make a block, ``waves`` tells it in instalments, ``manifest``
says what the lakehouse must show. ``schema`` is the source's DDL, ``ledger`` what a source holds already, ``landing``
the gateway's folder, and ``seeding`` writes all of it. The same seed and anchor give the same rows and files, byte for
byte (``updated_at`` and what the source's triggers write aside).
"""
