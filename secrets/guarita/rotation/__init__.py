"""Rotation: every secret under its maximum age, and no failed login on the way."""
