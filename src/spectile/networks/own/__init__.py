"""Networks of one's own: called with their sizes, fed in their layout, asked for their logits."""
