"""What another package adds: a network, an attention block, a format, a task, an output."""
