"""Runs on images: classes of whole images, or of their pixels."""
