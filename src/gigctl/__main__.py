"""`python -m gigctl`."""

from gigctl.cli import main

main()
