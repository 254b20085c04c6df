"""What is measured, against whom, as ratios taken side by side in one run: `make bench`."""
