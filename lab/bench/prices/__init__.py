"""`lab bench prices`: what each hop and each guarantee of the message path costs, at one rate, in one run."""
