"""The program inside an evidence file. It stands on Python's standard library alone, and is read by those who doubt us."""
