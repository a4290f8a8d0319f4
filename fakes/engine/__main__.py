"""``python -m fakes.engine``: the engine; its hot path compiled, if that was built."""

import sys

from fakes.engine import compiled

if __name__ == "__main__":
    compiled.use()  # before anything else is imported

    from fakes.engine.serve import main

    sys.exit(main())
