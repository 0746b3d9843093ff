"""Retention: old entries go to an archive of tiles, their bodies leave the store, every proof still holds."""
