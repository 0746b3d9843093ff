"""Logging in at an OpenID provider by a code with PKCE, into a session that is kept on the server."""
