"""A long run with churn: does anything grow that should not?"""
