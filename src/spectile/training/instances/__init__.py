"""What training networks of instances takes: targets, losses, and a score while it goes on."""
