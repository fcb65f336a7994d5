"""What two processes must agree on: message, codecs, topology, tokens, ids and the broker protocol. Nothing else."""
