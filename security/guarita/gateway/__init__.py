"""The gateway: who may call what, decided in the service or in front of it, closed when in doubt."""
