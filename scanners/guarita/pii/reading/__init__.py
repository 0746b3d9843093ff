"""Documents read in worker processes that a hostile one cannot leave: bounded in memory, time and reach."""

from guarita.pii.reading.interface import Found, Order, Read, Setup
from guarita.pii.reading.reader import Reader, Readers

__all__ = ["Found", "Order", "Read", "Reader", "Readers", "Setup"]
