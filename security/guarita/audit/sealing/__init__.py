"""Sealing: personal fields are encrypted under a key of their subject, and erasing destroys that key."""
