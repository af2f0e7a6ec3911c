"""From the configuration to a run: what happens before the first step."""

from __future__ import annotations

import random
import sys
import time

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError, read_arguments
from orchestrator.backends.pocket.trainer.logs import logger, setup_logging


def start(argv: list[str]) -> int:
    """Train; returns the exit code. 0 also when there was no picture and when the loss became NaN, as in sd-scripts.

    A configuration that cannot be trained ends with 1 and its reasons on stderr. The configuration is read before
    torch is imported, so mistakes are told at once.
    """
    setup_logging(simple="--console_log_simple" in argv)
    try:
        args = read_arguments(argv)
        if args.config_file is not None:
            setup_logging(simple=args.console_log_simple)
            logger.info("Loading settings from %s...", args.config_file)
        from orchestrator.backends.pocket.trainer.prepare import prepare

        started_at = time.time()
        if args.seed is None:
            args.seed = random.SystemRandom().randint(0, 2**32)
        run = prepare(args, started_at)
        if run is None:
            return 0
        from orchestrator.backends.pocket.trainer.loop import train

        train(run)
    except ConfigurationError as error:
        sys.stderr.writelines(f"error: {line}\n" for line in str(error).splitlines())
        return 1
    return 0
