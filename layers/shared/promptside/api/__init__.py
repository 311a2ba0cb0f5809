"""The HTTP contract without a web framework: a request in, a response out, the same behind every front door."""
