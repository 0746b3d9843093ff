"""What runs in checkov's own environment. It imports checkov and nothing of ours but its neighbours here."""
