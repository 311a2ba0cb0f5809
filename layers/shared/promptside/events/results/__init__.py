"""Results of runs on their way to where they are wanted.

targets (what an order may name) · documents (what is sent) · dispatch (to every target)
    eventbridge · s3 · sqs · webhook (signing)      each sends one result to one target
    tries                                           how often and how long
"""
