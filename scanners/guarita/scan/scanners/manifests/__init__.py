"""The `manifests` scanner: Kubernetes objects as they stand, as helm renders them, as kustomize builds them."""
