"""Break every part of a running stack, and hold what is seen against what is promised."""
