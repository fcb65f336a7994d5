"""Trials: in which order sides are measured (schedule), kept while they run (journal), paired afterwards."""
