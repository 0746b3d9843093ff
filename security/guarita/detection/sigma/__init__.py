"""Rules in Sigma, parsed by pySigma and compiled once to closures over OCSF events."""
