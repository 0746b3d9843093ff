"""The channels, one a file. `build` makes them from guarita.yaml."""
