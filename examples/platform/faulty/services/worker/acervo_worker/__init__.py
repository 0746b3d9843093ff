"""The ingestion worker of Acervo."""
