"""The look of the page: calm greys, one blue-green accent, fonts that are already on the user's machine."""

from __future__ import annotations

import gradio as gr
from gradio.themes.utils import colors, sizes

from restoration.folders import assets_folder

_ASSETS = assets_folder()
STYLE_SHEET = _ASSETS / "style.css"
SCRIPT = _ASSETS / "page.js"

_ACCENT = colors.Color(
    name="pine",
    c50="#effaf8",
    c100="#d6f1ec",
    c200="#b0e2da",
    c300="#7fccc1",
    c400="#4bb0a4",
    c500="#2a9488",
    c600="#1d776e",
    c700="#1a605a",
    c800="#194d49",
    c900="#18403d",
    c950="#082624",
)
_FONTS = ("Inter", "Segoe UI", "Helvetica Neue", "Roboto", "Noto Sans", "Liberation Sans", "sans-serif")
_MONO_FONTS = ("SF Mono", "Cascadia Mono", "Roboto Mono", "Liberation Mono", "monospace")


class CalmTheme(gr.themes.Base):
    """Light and dark; no font is fetched from another host."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=_ACCENT,
            secondary_hue=_ACCENT,
            neutral_hue=colors.zinc,
            spacing_size=sizes.spacing_md,
            radius_size=sizes.radius_lg,
            text_size=sizes.text_md,
            font=_FONTS,
            font_mono=_MONO_FONTS,
        )
        self.name = "calm"
        self.set(
            body_background_fill="#f6f7f7",
            body_background_fill_dark="#131516",
            background_fill_primary="white",
            background_fill_primary_dark="#1a1d1e",
            background_fill_secondary="#f6f7f7",
            background_fill_secondary_dark="#202425",
            block_background_fill="white",
            block_background_fill_dark="#1a1d1e",
            block_border_color="#e4e7e7",
            block_border_color_dark="#2a2f30",
            border_color_primary="#e4e7e7",
            border_color_primary_dark="#2a2f30",
            block_border_width="1px",
            block_shadow="none",
            block_shadow_dark="none",
            block_label_background_fill="transparent",
            block_label_background_fill_dark="transparent",
            block_label_border_width="0px",
            block_label_border_width_dark="0px",
            block_label_text_color="*neutral_500",
            block_label_text_color_dark="*neutral_400",
            block_title_text_weight="500",
            block_title_text_color="*neutral_700",
            block_title_text_color_dark="*neutral_200",
            block_info_text_color="*neutral_500",
            block_info_text_color_dark="*neutral_400",
            body_text_color_subdued="*neutral_500",
            body_text_color_subdued_dark="*neutral_400",
            input_background_fill="#f9fafa",
            input_background_fill_dark="#202425",
            input_border_color="#dfe3e3",
            input_border_color_dark="#33393a",
            button_primary_background_fill="*primary_600",
            button_primary_background_fill_hover="*primary_700",
            button_primary_background_fill_dark="*primary_600",
            button_primary_background_fill_hover_dark="*primary_500",
            button_primary_text_color="white",
            button_secondary_background_fill="white",
            button_secondary_background_fill_hover="#f1f3f3",
            button_secondary_background_fill_dark="#202425",
            button_secondary_background_fill_hover_dark="#2a2f30",
            button_secondary_border_color="#d7dcdc",
            button_secondary_border_color_dark="#363d3e",
            button_large_text_weight="600",
            button_large_radius="*radius_md",
            button_border_width="1px",
            slider_color="*primary_500",
            slider_color_dark="*primary_500",
            checkbox_background_color_selected="*primary_600",
            checkbox_background_color_selected_dark="*primary_500",
            checkbox_label_background_fill_selected="*primary_50",
            checkbox_label_background_fill_selected_dark="*primary_950",
            checkbox_label_text_color_selected="*primary_800",
            checkbox_label_text_color_selected_dark="*primary_200",
            checkbox_label_border_color_selected="*primary_400",
            checkbox_label_border_color_selected_dark="*primary_700",
        )


def page_head() -> str:
    """Return the script that lets people choose and drop files which browsers do not know as pictures."""
    return f"<script>{SCRIPT.read_text(encoding='utf-8')}</script>"
