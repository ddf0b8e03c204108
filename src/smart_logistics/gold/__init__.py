"""Gold: pure functions of frames.

``assignments`` says which truck carried a shipment when, ``points`` which readings count and how long each holds,
``excursions`` and ``temperatures`` judge them, ``analytics`` is the row of a shipment, ``affected`` and ``windows``
keep the work to what is new.
"""
