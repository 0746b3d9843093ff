"""What all tests stand on."""

import signal

# A suite that is started in the background inherits an ignored SIGINT, and so would the commands that it interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
