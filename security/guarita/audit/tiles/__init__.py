"""C2SP tlog-tiles: the log as a folder of static files, written and read."""
