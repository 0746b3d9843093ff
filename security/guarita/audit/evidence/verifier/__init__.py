"""The program inside an evidence file: Python's standard library and nothing else, for readers who doubt us.

`container` reads the file, `ed25519`, `notes` and `merkle` are the mathematics, `keys` follows the log's signing keys,
`check` joins them, `facts`, `gaps` and `limits` say what the entries show and what they do not, `report` writes it down.
"""
