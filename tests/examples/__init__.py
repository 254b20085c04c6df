"""What examples/ shows, run as its pages say."""
