"""The words of the page."""

from __future__ import annotations

from typing import Final

from restoration.types import Task

TITLE: Final = "Photo Restoration"
TAGLINE: Final = (
    "Remove noise, enlarge, mend and brighten photographs. What you download has the depth, transparency and colour "
    "profile of your file; uploads are deleted within the hour."
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
INTRO_SUPER_RESOLUTION: Final = "Make a small picture larger, with detail that plain resizing cannot give."
INTRO_INPAINT: Final = (
    "Paint over what should go: a scratch, a date stamp, a passer-by. Everything else stays untouched."
)
INTRO_LOW_LIGHT: Final = "Brighten a photo that was taken in the dark."
INTRO_RECORDS: Final = (
    "Every run on this machine: what ran, how long it took, how it ended. No pictures and no file names."
)

DAMAGE: Final = "What is wrong with the picture?"
DAMAGES: Final = (
    ("Noise or grain", Task.DENOISE),
    ("Black and white dots", Task.SALT_AND_PEPPER),
    ("JPEG blocks", Task.DEJPEG),
    ("Blur", Task.DEBLUR),
)

KERNEL: Final = "Use a picture of the blur"
KERNEL_FILE: Final = "Kernel: how a point of light was spread"
KERNEL_HINT: Final = "Drop a small picture here\nbright where the light went"

KERNEL_USED: Final = "how a point had spread, {width} × {height} px"

FOUND: Final = "Measured"
FOUND_NOISE: Final = "noise level {level} of 255"
FOUND_JPEG: Final = "JPEG quality {quality}"
FOUND_LITTLE: Final = "There is hardly anything to clean here. Is the picture blurred? Then choose Blur."
FOUND_DOTS: Final = "dots on {percent:.0f} % of the samples"

PICTURE: Final = "Your picture"
PICTURE_HINT: Final = "Drop a photo here\nor click to choose one"
EXAMPLES: Final = "Or try an example"
MODEL: Final = "Model"
NEEDS_DOWNLOAD: Final = "needs download"
ADVANCED: Final = "Advanced"
RESTORE: Final = "Restore"
CANCEL: Final = "Cancel"
TAKE: Final = "Take this one"
COMPARISON: Final = "Before and after"
DOWNLOAD: Final = "Download the result"
ONWARD: Final = "Go on with the result in"
NO_RESULT: Final = "There is no result to go on with; restore a picture first."

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
KEEP_GPS: Final = "Keep the place (GPS) stored in the file"

PAINT: Final = "Paint over what should be replaced"
PAINT_HINT: Final = (
    "Red is replaced; green takes a place off the mask again. Strokes begin inside the picture. "
    "Undo, zoom, brush sizes and eraser are in the toolbars."
)
OTHER_PICTURE: Final = "Choose another picture"
CLEAR_MASK: Final = "Clear mask"
INVERT_MASK: Final = "Invert mask"
FIND_SCRATCHES: Final = "Find scratches"
NO_SCRATCHES: Final = 'No scratches were found; paint over them, or find more by the slider under "Mask".'
SCRATCHES_FOUND: Final = (
    "Marked as scratches: {facts}. Look before you restore: take off what is no damage, paint over what is missing. "
    'Dust is not searched for. The slider under "Mask" finds fewer or more.'
)
SENSITIVITY: Final = "Scratches to find: certain ones … doubtful ones, too"
MASK_OPTIONS: Final = "Mask"
MASK_FILE: Final = "Mask picture: white is replaced"
MASK_FILE_HINT: Final = "Drop a mask here\nwhat you paint is added to it"
GROW: Final = "Grow by (px)"
FEATHER: Final = "Feather: pass from the original into the fill over (px)"
SHOW_MASK: Final = "Show the exact mask"
MASK_PREVIEW: Final = "White will be replaced"
MASK_SHARE: Final = "{share:.2f} % of the picture in {count} places"
DOWNLOAD_MASK: Final = "Download the mask"
ANOTHER_FILL: Final = "Another fill"
COMPARE: Final = "Compare the quick methods"
COMPARED_ENTRY: Final = "{title}, {seconds:.1f} s"
NOT_COMPARED: Final = "{title}: {reason}"
COMPARED: Final = "The same mask, filled by each method"

WAITING: Final = "Waiting for a free place"
STOPPING: Final = "Stopping after the part in progress"
TAKING: Final = "Taking the picture as it is now"
READING: Final = "Reading the picture"
TOO_LARGE: Final = (
    "This model takes at most {limit:g} megapixels: have the picture shrunk (under Advanced), or choose another model."
)
FORECAST: Final = "Will take about {time} here"
FORECAST_MEMORY: Final = ", with up to {memory} of memory"
EMPTY_STATUS: Final = "The restored picture appears here."
CANCELLED: Final = "Cancelled. Your picture and settings are unchanged."

CONSISTENCY: Final = "{db:.1f} dB to the original (more is nearer; removed noise counts as a difference)"

REFRESH: Final = "Refresh"
RUNS: Final = "Latest runs"
RUNS_PLOT: Final = "Seconds of work per megapixel, by model"
RUNS_CSV: Final = "Export as CSV"
NO_RUNS: Final = "Nothing has been restored on this machine yet."

NO_PICTURE: Final = "No picture yet; drop one on the left or choose an example."
PICTURE_GONE: Final = "The uploaded picture is no longer kept on the server; upload it again."
NO_MASK: Final = "Nothing is marked yet; paint over what should be replaced, or add a mask picture."
BAD_SKETCH: Final = "What you painted did not arrive whole; choose the picture again and paint once more."
NOT_A_FILE: Final = "An uploaded file was expected; with gradio_client, pass the picture as handle_file(path)."
NOT_STARTED: Final = "The run could not start; a message on the page says why. Change what it names, or try again soon."
NO_URLS: Final = "Pictures are not fetched from the web; download the picture first, then send the file itself."
RUN_AGAIN: Final = "Press Restore to see this: only the latest results change their strength without another run."
UNEXPECTED: Final = "Something went wrong on our side; the details are in the server's log. Please try again."
