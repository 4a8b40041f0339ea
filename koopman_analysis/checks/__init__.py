"""Checks: measurements that end in a Claim, a file for each family of claims."""
