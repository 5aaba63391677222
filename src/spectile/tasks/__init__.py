"""What Spectile can be asked to do: train on scenes and images, score, predict."""
