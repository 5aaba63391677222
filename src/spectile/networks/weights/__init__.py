"""Weights from elsewhere: read, renamed, and fitted to other bands."""
