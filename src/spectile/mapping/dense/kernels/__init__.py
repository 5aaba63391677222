"""What is computed on shared tensors (rows, columns, parts ...), each in its fastest form."""
