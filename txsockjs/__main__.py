"""``python -m txsockjs``."""

from .cli.publish import main

if __name__ == "__main__":
    main()
