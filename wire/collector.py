"""Python's garbage collector, set for a server: it looks for cycles, and messages are in none."""

import gc


def settle(threshold: int) -> None:
    """Call once when all that lives as long as the process is made.

    That is never looked at again. Of what comes later the youngest are looked at when so many more were made
    than freed (Python's own threshold: 700). What is in a cycle, a closed socket with its some 80 objects,
    waits for that: hundreds of sockets at 20,000. Those that were open during a look have grown old, and wait
    for about twenty looks (with Python's own numbers for more than a hundred: a dozen crowds of 2,000).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(threshold, 5, 2)
