"""``python -m cnnfilter``."""

from cnnfilter.cli import main

main()
