"""OAuth 2.0 for a resource server: tokens that others issue, bound ones, and what is said to clients about them."""
