"""Numbered releases: choosing and freezing what goes in, the files that come out, what changed since the last one."""
