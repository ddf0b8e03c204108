"""What the product's promises of speed are measured with, each figure beside its baseline: ``make bench``.

``registry`` lists the figures and who measures them. ``__main__`` lets each module measure in a process of its own and
prints one table. What several of them need: ``rounds`` (whose turn it is), ``stack`` (a stack of its own), ``watch``
(memory and drivers of processes), ``submitted`` (a job as it is submitted).
"""
