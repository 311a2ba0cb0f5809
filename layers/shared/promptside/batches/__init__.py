"""Batches: an object of many lines, each of them a run; one result file, one errors file, nothing lost in between.

    starting   a record in the run table, an execution of the state machine
    planning   reads the input once, and writes an index of chunks by byte range
    chunks     runs the lines of one chunk, as often as it takes, and writes its part of the results
    finishing  joins the parts, ends the batch, announces it
    steps      what the state machine asks for, by name

docs/decisions/0019-batches.md says why.
"""
