"""The search and content API of Acervo."""
