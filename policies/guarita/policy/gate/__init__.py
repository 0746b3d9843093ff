"""The gate's policy: findings, coverage, waivers, baseline, and the one verdict over them."""
