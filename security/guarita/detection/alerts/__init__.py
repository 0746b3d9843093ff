"""Alerts: what was detected reaches the right person in time, at least once."""
