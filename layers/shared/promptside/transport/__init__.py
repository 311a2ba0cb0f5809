"""The only place that talks to providers over the network."""
