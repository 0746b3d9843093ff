"""A Kubernetes API server for the tests: a process of its own that the official client, kubectl and OpenBao talk to.

It shows what rotation depends on (DESIGN section 8), as Kubernetes' documentation and source describe it. The same tests
run on a real control plane when KUBEBUILDER_ASSETS names one; `cluster.py` starts either.
"""
