"""The Merkle tree of RFC 6962: hashes, compact range, proofs."""
