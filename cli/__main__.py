"""``python -m cli`` is the command ``technopark``."""

from cli.main import main

main()
