"""What a run finds and makes once, and the next one need not: results by content, rules compiled."""

from guarita.scan.cache.folder import cache_folder, chosen_folder
from guarita.scan.cache.results import Results
from guarita.scan.cache.store import Store, limit

__all__ = ["Results", "Store", "cache_folder", "chosen_folder", "limit"]
