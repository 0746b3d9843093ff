"""The CI gate: scanners behind one seam, judged by one policy, with proof of what was scanned."""
