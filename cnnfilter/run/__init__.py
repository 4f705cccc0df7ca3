"""One job: an image through a step, to feature maps, statistics and files."""
