"""What each kind of event adds to the posture: one collector a file, each in bounded memory."""
