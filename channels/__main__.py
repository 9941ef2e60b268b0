"""`python -m channels setup telegram`: see channels/setup.py."""

import sys

from channels.setup import main

if __name__ == "__main__":
    main(sys.argv[1:])
