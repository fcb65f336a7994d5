"""What two processes must agree on: message, codecs, topology, tokens, ids, broker protocol. Nothing else."""
