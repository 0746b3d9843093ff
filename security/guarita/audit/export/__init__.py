"""The log as lines of JSON: for people, for scripts, and for consumers of OCSF."""
