"""Downloads from the Hugging Face Hub, once per file at a time, with progress, retries, time limits and cancelling.

What huggingface_hub 2.4 leaves to its caller: it returns files of the right size with wrong bytes as good, retries a
Hub that cannot be reached for half a minute, gives up at once on an overloaded one, waits without end on a line that
drips, only warns of a full disk, and does not tell several callers of one download of each other.
"""

from restoration.weights.hub.client import RemoteFile
from restoration.weights.hub.downloads import DownloadProgress, describe, download

__all__ = ["DownloadProgress", "RemoteFile", "describe", "download"]
