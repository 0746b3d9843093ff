"""Programs and workers in processes of their own: bounded in time, memory and reach, killed whole."""

from guarita.process.errors import ProcessError
from guarita.process.run import Completed, neutral_environment, run_tool
from guarita.process.worker import Worker

__all__ = ["Completed", "ProcessError", "Worker", "neutral_environment", "run_tool"]
