"""JSON Web Tokens: the envelope and the claims are ours and strict, the signatures are PyJWT's."""
