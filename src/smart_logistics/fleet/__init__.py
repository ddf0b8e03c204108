"""The sample fleet: trucks on Indian corridors, with faults planted in known numbers.

``plan`` cuts it into blocks that are made one at a time, so that any ``--scale`` fits in memory; ``masters``, ``trips`` and
``telemetry`` make a block, ``waves`` says what happens later, ``oracle`` computes in plain Python what the lakehouse must
show, ``seeding`` writes all of it. The same seed and anchor give the same data, byte for byte.
"""
