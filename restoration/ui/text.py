"""All texts of the page."""

from __future__ import annotations

from typing import Final

from restoration.types import Task

TITLE: Final = "Photo Restoration"
TAGLINE: Final = (
    "Remove noise, enlarge, repair and brighten photographs. Results keep the bit depth, transparency and colour "
    "profile of your file. Uploads are deleted within the hour."
)

TAB_DENOISE: Final = "Denoise"
TAB_SUPER_RESOLUTION: Final = "Super-resolution"
TAB_INPAINT: Final = "Inpaint"
TAB_LOW_LIGHT: Final = "Low light"
TAB_RECORDS: Final = "Records"
TASK_TABS: Final = (
    ("denoise", TAB_DENOISE),
    ("super-resolution", TAB_SUPER_RESOLUTION),
    ("inpaint", TAB_INPAINT),
    ("low-light", TAB_LOW_LIGHT),
)

INTRO_DENOISE: Final = "Clean up grain, black and white dots, JPEG blocks or blur."
INTRO_SUPER_RESOLUTION: Final = "Enlarge a small picture with more detail than plain resizing gives."
INTRO_INPAINT: Final = (
    "Paint over what you want to remove: a scratch, a date stamp, a passer-by. Everything else stays untouched."
)
INTRO_LOW_LIGHT: Final = "Brighten a photo taken in the dark."
INTRO_RECORDS: Final = (
    "All runs on this machine: the model, how long it took and how it ended. No pictures or file names are recorded."
)

DAMAGE: Final = "What is wrong with the picture?"
DAMAGES: Final = (
    ("Noise or grain", Task.DENOISE),
    ("Black and white dots", Task.SALT_AND_PEPPER),
    ("JPEG blocks", Task.DEJPEG),
    ("Blur", Task.DEBLUR),
)

KERNEL: Final = "Use your own blur kernel"
KERNEL_FILE: Final = "Blur kernel (PSF)"
KERNEL_HINT: Final = "Drop a picture of the kernel here\nbright on black"

KERNEL_USED: Final = "blur kernel, {width} × {height} px"

FOUND: Final = "Measured"
FOUND_NOISE: Final = "noise level {level} of 255"
FOUND_JPEG: Final = "JPEG quality {quality}"
FOUND_LITTLE: Final = "There is hardly any noise or compression to remove. If the picture is blurred, choose Blur."
FOUND_DOTS: Final = "dots on {percent:.0f} % of the pixels"

PICTURE: Final = "Your picture"
PICTURE_HINT: Final = "Drop a photo here\nor click to choose one"
EXAMPLES: Final = "Or try an example"
MODEL: Final = "Model"
NEEDS_DOWNLOAD: Final = "needs download"
ADVANCED: Final = "Advanced"
RESTORE: Final = "Restore"
CANCEL: Final = "Cancel"
TAKE: Final = "Stop and keep this"
COMPARISON: Final = "Before and after"
DOWNLOAD: Final = "Download the result"
ONWARD: Final = "Send the result to"
NO_RESULT: Final = "There is no result to send yet; restore a picture first."

FORMAT: Final = "File type of the result"
FORMATS: Final = (
    ("Lossless, like the original where possible", "auto"),
    ("PNG", "PNG"),
    ("TIFF", "TIFF"),
    ("WebP (lossless, 8 bits)", "WEBP"),
    ("JPEG (smaller, slightly lossy)", "JPEG"),
)
FIT: Final = "Shrink pictures that are too large for the model"
PRECISION: Final = "Precision"
PRECISIONS: Final = (("Fast", "auto"), ("Exact", "exact"))
KEEP_GPS: Final = "Keep the GPS location stored in the file"

PAINT: Final = "Paint over what should be replaced"
PAINT_HINT: Final = (
    "Red adds to the mask, green removes from it. Start each stroke inside the picture. "
    "Undo, zoom, brush size and eraser are in the toolbars."
)
OTHER_PICTURE: Final = "Choose another picture"
CLEAR_MASK: Final = "Clear mask"
INVERT_MASK: Final = "Invert mask"
FIND_SCRATCHES: Final = "Find scratches"
NO_SCRATCHES: Final = 'No scratches were found. Paint over them, or raise the sensitivity under "Mask".'
SCRATCHES_FOUND: Final = (
    "Marked as scratches: {facts}. Check the mask before you restore: remove false hits and paint over missed ones. "
    'Dust is not detected. The slider under "Mask" changes the sensitivity.'
)
SENSITIVITY: Final = "Scratch sensitivity: only clear ones … also faint ones"
MASK_OPTIONS: Final = "Mask"
MASK_FILE: Final = "Mask image: white is replaced"
MASK_FILE_HINT: Final = "Drop a mask here\nyour strokes are added to it"
GROW: Final = "Grow by (px)"
FEATHER: Final = "Feather: blend the edge over (px)"
SHOW_MASK: Final = "Show the exact mask"
MASK_PREVIEW: Final = "White will be replaced"
MASK_SHARE: Final = "{share:.2f} % of the picture in {count} regions"
DOWNLOAD_MASK: Final = "Download the mask"
ANOTHER_FILL: Final = "Try another fill"
COMPARE: Final = "Compare the quick methods"
COMPARED_ENTRY: Final = "{title}, {seconds:.1f} s"
NOT_COMPARED: Final = "{title}: {reason}"
COMPARED: Final = "The same mask, filled by each method"

WAITING: Final = "Waiting for a free slot"
STOPPING: Final = "Stopping after the current tile"
TAKING: Final = "Finishing with the current picture"
READING: Final = "Reading the picture"
TOO_LARGE: Final = (
    "This model takes at most {limit:g} megapixels. Let the picture be shrunk (under Advanced) or choose another model."
)
FORECAST: Final = "Estimated time: {time}"
FORECAST_MEMORY: Final = ", up to {memory} of memory"
EMPTY_STATUS: Final = "The restored picture appears here."
CANCELLED: Final = "Cancelled. Your picture and settings are unchanged."
CANCELLED_KEPT: Final = "Cancelled. This is still the result from before."

CONSISTENCY: Final = "PSNR {db:.1f} dB to the original (higher is closer; removed noise counts as a difference)"

REFRESH: Final = "Refresh"
RUNS: Final = "Latest runs"
RUNS_PLOT: Final = "Seconds per megapixel, by model"
RUNS_CSV: Final = "Export as CSV"
NO_RUNS: Final = "Nothing has been restored on this machine yet."

NO_PICTURE: Final = "There is no picture yet. Drop one on the left or choose an example."
PICTURE_GONE: Final = "The uploaded picture has been deleted from the server; upload it again."
NO_MASK: Final = "The mask is empty. Paint over what should be replaced, or upload a mask image."
BAD_SKETCH: Final = "Your strokes did not arrive completely. Choose the picture again and repaint them."
NOT_A_FILE: Final = "An uploaded file was expected; with gradio_client, pass the picture as handle_file(path)."
NOT_STARTED: Final = "The run could not start; the message on the page says why. Fix that, or try again in a moment."
NO_URLS: Final = "Pictures are not fetched from the web. Download the picture and upload the file."
RUN_AGAIN: Final = "Press Restore to apply this. Only recent results can change their strength without another run."
UNEXPECTED: Final = "Something went wrong on the server; the details are in its log. Please try again."
