"""Folders at any scale: find, plan, compute in worker processes, and remember what was done."""
