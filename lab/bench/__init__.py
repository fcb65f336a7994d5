"""Our send and list endpoints against their twins, measured in turns in one run."""
