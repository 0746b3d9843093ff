"""Witnesses: others who saw the log grow, and say so. The client that asks them, and a small one to run."""
