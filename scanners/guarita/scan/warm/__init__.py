"""Engines kept warm between runs: a server that has imported everything, and forks for each run that comes."""
