"""The words that every floor shares: tasks, models, parameters, requests, results and events."""

from restoration.images import ImageSource
from restoration.types.events import Done, Event, Progress, Queued
from restoration.types.models import (
    ModelInfo,
    ModelStatus,
    Param,
    Parameters,
    ParamValue,
    Task,
    WeightFile,
    as_mapping,
)
from restoration.types.requests import RestoreRequest
from restoration.types.results import RestoreResult, RunRecord, RunStats

__all__ = [
    "Done",
    "Event",
    "ImageSource",
    "ModelInfo",
    "ModelStatus",
    "Param",
    "ParamValue",
    "Parameters",
    "Progress",
    "Queued",
    "RestoreRequest",
    "RestoreResult",
    "RunRecord",
    "RunStats",
    "Task",
    "WeightFile",
    "as_mapping",
]
