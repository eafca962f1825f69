"""Which models are on offer here, which of them can run now, and which one does a request."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Sequence

from restoration.catalogue import own_models
from restoration.catalogue.manifest import load_manifest
from restoration.catalogue.parameters import complete, fits
from restoration.errors import InvalidRequest, ManifestError, UnknownModel
from restoration.types import ModelInfo, ModelStatus, Parameters, RestoreRequest, Task
from restoration.weights import store

log = logging.getLogger(__name__)

NON_COMMERCIAL_VARIABLE = "RESTORATION_NON_COMMERCIAL"


def offers_non_commercial() -> bool:
    """Tell whether whoever runs this process has asked for models that may not be used commercially."""
    return os.environ.get(NON_COMMERCIAL_VARIABLE) == "1"


def status_of(info: ModelInfo, parameters: Parameters) -> ModelStatus:
    """Tell whether the libraries and, with these parameters, the files that a model needs are on this machine."""
    for library in info.libraries:
        if importlib.util.find_spec(library) is None:
            return ModelStatus(info, False, f"the library {library} is not installed here (pip install {library})")
    for file in info.files:
        is_available, reason = store.status(file) if file.is_needed(parameters) else (True, "")
        if not is_available:
            return ModelStatus(info, False, reason)
    return ModelStatus(info, True)


class Offer:
    """The models that a service offers.

    Args:
        models: those that there are; None reads the manifest that ships, and the user's own. What may not be used
            commercially is left out unless `offers_non_commercial`.
    """

    def __init__(self, models: Sequence[ModelInfo] | None = None) -> None:
        known = (*load_manifest(), *_own_models()) if models is None else tuple(models)
        is_open = offers_non_commercial()
        self.models = tuple(info for info in known if is_open or not info.non_commercial)
        self._withheld = frozenset(info.id for info in known if info.non_commercial and not is_open)

    def of_task(self, task: Task | None) -> list[ModelInfo]:
        """Return the models of a task, its default first; all models for None."""
        return [info for info in self.models if task is None or task in info.tasks]

    def statuses(self, task: Task | None) -> list[ModelStatus]:
        """Return the same, and whether each can run now."""
        return [status_of(info, complete(info, {})) for info in self.of_task(task)]

    def choose(self, task: Task, request: RestoreRequest) -> tuple[ModelInfo, tuple[str, ...]]:
        """Return the model asked for, or the first of the task that is available and takes the parameters.

        Returns:
            The model, and sentences about the choice that the user should read.

        Raises:
            UnknownModel: there is no model of that name, it does another task, or it is withheld.
            InvalidRequest: no model does the task.
        """
        if request.model:
            return self._named(request.model, task), ()
        models = self.of_task(task)
        if not models:
            raise InvalidRequest(f'No model does the task "{task}"; choose another task.')
        able = [
            status_of(info, complete(info, request.parameters)) for info in models if fits(info, request.parameters)
        ]
        if not able:
            return models[0], ()  # its own check of the parameters says best what is wrong with them
        chosen = next((status for status in able if status.is_available), able[0])
        passed_over = able[: able.index(chosen)]
        notes = tuple(f"{status.info.title} was passed over: {status.reason}." for status in passed_over)
        if not fits(models[0], request.parameters):
            notes = (f"{chosen.info.title} was chosen, since {models[0].title} does not take these settings.", *notes)
        return chosen.info, notes

    def substitute(self, info: ModelInfo, task: Task) -> ModelInfo | None:
        """Return the first other model of the task that can run now."""
        others = (each for each in self.statuses(task) if each.info.id != info.id)
        return next((each.info for each in others if each.is_available), None)

    def _named(self, name: str, task: Task) -> ModelInfo:
        from restoration.catalogue.registry import find_model

        if name in self._withheld:
            message = (
                f'Model "{name}" is for non-commercial use only; '
                f"set {NON_COMMERCIAL_VARIABLE}=1 where that is yours, or choose another model."
            )
            raise UnknownModel(message, model=name)
        return find_model(self.models, name, task=task)


def _own_models() -> tuple[ModelInfo, ...]:
    try:
        return own_models.load()
    except ManifestError as error:  # an edited file must not keep the application from starting
        log.warning("the user's own models are left out: %s", error)
        return ()
