"""Batches: a file of orders, run line by line, with progress, a summary and files of results."""
