"""The theme: every colour, font and margin of the program, in dark and in light.

No other file names a colour, a font size or a margin. Widgets call `theme()` when they draw; what they have set once is
set again when `Panel.restyle` is called.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

ICONS: Final = Path(__file__).resolve().parents[2] / "assets" / "icons"
Scheme = Literal["system", "dark", "light"]

GRID: Final = 4
"""Everything stands on a grid of 4 logical pixels."""
PANEL_PADDING: Final = 3 * GRID
GROUP_GAP: Final = 4 * GRID
ROW_GAP: Final = 2 * GRID
CAPTION_SCALE: Final = 0.85
TITLE_SCALE: Final = 1.15


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colours, all as `#rrggbb`."""

    name: Literal["dark", "light"]
    window: str
    panel: str
    line: str
    text: str
    muted: str
    faint: str
    """For disabled controls: deliberately less contrast than text needs."""
    accent: str
    on_accent: str
    warn: str
    error: str
    groups: dict[str, str]
    """Time groups of schema.GROUPS, and `draft`."""
    positions: dict[str, str]
    """Position classes new, recomputed, padding, rejected, reused; each is always drawn with its texture as well."""
    kinds: dict[str, str]
    """Kinds of step, as in schema.StepKind."""
    heatmap: str
    """Name of the pyqtgraph colour map for values from 0 up."""
    requests: tuple[str, ...] = field(
        default=("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#9a86e0", "#d55e00", "#8a93a0", "#b8a800")
    )

    @property
    def dark(self) -> bool:
        return self.name == "dark"

    def request(self, request_id: int) -> str:
        """The colour of a request; always shown with its number."""
        return self.requests[request_id % len(self.requests)]


DARK: Final = Theme(
    name="dark",
    window="#15181d", panel="#1c2027", line="#39414d", text="#e6e9ef", muted="#a3acba", faint="#5f6875",
    accent="#56b4e9", on_accent="#10131a", warn="#e69f00", error="#ff8a66",
    groups={"prepare": "#f0e442", "attention": "#56b4e9", "ffn": "#e69f00", "norm": "#009e73", "sampling": "#cc79a7",
            "draft": "#9a86e0", "other": "#8a93a0"},
    positions={"new": "#56b4e9", "recomputed": "#e69f00", "padding": "#8a93a0", "rejected": "#9a86e0",
               "reused": "#009e73"},
    kinds={"prefill": "#d0885a", "decode": "#6f9fd0", "mixed": "#c9b15c", "verify": "#9a86e0", "teacher": "#4fb59c"},
    heatmap="viridis",
)  # fmt: skip

LIGHT: Final = Theme(
    name="light",
    window="#f3f4f7", panel="#ffffff", line="#c9cfd8", text="#1b1f26", muted="#5a6472", faint="#a2aab5",
    accent="#00629b", on_accent="#ffffff", warn="#8a5a00", error="#b3361b",
    groups={"prepare": "#a89a00", "attention": "#1f78b4", "ffn": "#b36b00", "norm": "#00795a", "sampling": "#a8447b",
            "draft": "#6a4fc0", "other": "#767f8c"},
    positions={"new": "#1f78b4", "recomputed": "#b36b00", "padding": "#767f8c", "rejected": "#6a4fc0",
               "reused": "#00795a"},
    kinds={"prefill": "#b0602c", "decode": "#3f76ad", "mixed": "#8f7a1a", "verify": "#6a4fc0", "teacher": "#1f7f69"},
    heatmap="CET-L17",
    requests=("#1f78b4", "#b36b00", "#00795a", "#a8447b", "#6a4fc0", "#a34700", "#767f8c", "#857a00"),
)  # fmt: skip


def theme() -> Theme:
    """The current theme, found from the lightness of the application's palette."""
    return DARK if QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128 else LIGHT


def apply(scheme: Scheme) -> None:
    """Apply dark, light, or the system's theme to the application."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        return
    if scheme == "system":
        dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        chosen = DARK if dark else LIGHT
    else:
        chosen = DARK if scheme == "dark" else LIGHT
    sheet = style_sheet(chosen)
    if theme() is chosen and app.styleSheet() == sheet:
        return  # applying it again would restyle every widget without a change
    app.setStyle("Fusion")
    app.setPalette(palette(chosen))
    app.setStyleSheet(sheet)


def palette(colours: Theme) -> QPalette:
    """The Qt palette of a theme, disabled states included."""
    role = QPalette.ColorRole
    result = QPalette()
    for roles, colour in (
        ((role.Window, role.Button, role.AlternateBase), colours.window),
        ((role.Base, role.ToolTipBase), colours.panel),
        ((role.Text, role.WindowText, role.ButtonText, role.ToolTipText, role.BrightText), colours.text),
        ((role.Highlight, role.Link, role.Accent), colours.accent),
        ((role.HighlightedText,), colours.on_accent),
        ((role.PlaceholderText,), colours.muted),
        ((role.Mid, role.Midlight, role.Dark), colours.line),
    ):
        for one in roles:
            result.setColor(one, QColor(colour))
    for one in (role.Text, role.WindowText, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, one, QColor(colours.muted))
    return result


def style_sheet(colours: Theme) -> str:
    """The few style rules that a palette cannot express."""
    hover = colours.line
    check = (ICONS / f"check-{colours.name}.svg").as_posix()
    accent = QColor(colours.accent)
    under_text = f"rgba({accent.red()}, {accent.green()}, {accent.blue()}, 35%)"  # a bar that has its text on it
    return f"""
    QToolTip {{ color: {colours.text}; background: {colours.panel}; border: 1px solid {colours.line}; padding: 4px; }}
    QMainWindow::separator {{ background: {colours.window}; width: {GRID}px; height: {GRID}px; }}
    QMainWindow::separator:hover {{ background: {colours.accent}; }}
    #panel-header {{ background: {colours.panel}; border-bottom: 1px solid {colours.line}; }}
    #panel-body {{ background: {colours.panel}; }}
    QStatusBar {{ border-top: 1px solid {colours.line}; }}
    QStatusBar::item {{ border: none; }}
    QMenuBar {{ border-bottom: 1px solid {colours.line}; padding: 2px; }}
    QToolBar {{ border: none; padding: 0; spacing: 0; }}
    QTabBar {{ qproperty-drawBase: 0; qproperty-elideMode: ElideNone; qproperty-usesScrollButtons: true; }}
    QTabBar::tab {{ color: {colours.muted}; background: {colours.window}; border: none; padding: 6px 12px;
                    border-bottom: 2px solid transparent; }}
    QTabBar::tab:selected {{ color: {colours.text}; border-bottom: 2px solid {colours.accent}; }}
    QTabBar::tab:hover {{ color: {colours.text}; }}
    QTabBar::tab:focus {{ background: {colours.line}; }}
    QToolButton {{ border: 1px solid transparent; border-radius: 4px; padding: 3px; }}
    QToolButton:hover {{ background: {hover}; }}
    QToolButton:focus {{ border-color: {colours.accent}; }}
    QToolButton::menu-indicator {{ image: none; }}
    QToolButton#log-button {{ border-color: {colours.line}; padding: 0 4px; }}
    QToolButton#log-button:focus {{ border-color: {colours.text}; }}
    QToolButton#log-button:checked {{ background: {colours.accent}; color: {colours.on_accent}; }}
    QPushButton {{ border: 1px solid {colours.line}; border-radius: 4px; padding: 5px 12px;
                   background: {colours.panel}; }}
    QPushButton:hover {{ border-color: {colours.muted}; }}
    QPushButton:pressed {{ background: {colours.line}; }}
    QPushButton:focus {{ border-color: {colours.accent}; }}
    QPushButton:disabled {{ color: {colours.muted}; background: {colours.window}; }}
    QPushButton#primary {{ background: {colours.accent}; color: {colours.on_accent}; border-color: {colours.accent};
                           font-weight: bold; }}
    QPushButton#primary:hover {{ border-color: {colours.text}; }}
    QPushButton#primary:focus {{ border: 2px solid {colours.text}; padding: 4px 11px; }}
    QPushButton#primary:disabled {{ background: {colours.line}; color: {colours.muted}; border-color: {colours.line}; }}
    QPushButton[segment] {{ padding: 4px 2px; border-radius: 0; background: {colours.panel}; }}
    QPushButton[segment="first"] {{ border-top-left-radius: 4px; border-bottom-left-radius: 4px; }}
    QPushButton[segment="last"] {{ border-top-right-radius: 4px; border-bottom-right-radius: 4px; }}
    QPushButton[segment="middle"], QPushButton[segment="first"] {{ border-right: none; }}
    QPushButton[segment]:hover {{ background: {colours.line}; }}
    QPushButton[segment]:checked {{ background: {colours.accent}; color: {colours.on_accent}; }}
    QPushButton[segment]:disabled {{ background: {colours.window}; color: {colours.faint}; }}
    QPushButton[segment]:focus {{ border: 1px solid {colours.text}; }}
    QPlainTextEdit, QTextBrowser, QLineEdit, QListView {{ border: 1px solid {colours.line}; border-radius: 4px;
                     background: {colours.panel}; selection-background-color: {colours.accent};
                     selection-color: {colours.on_accent}; }}
    QPlainTextEdit:focus, QTextBrowser:focus, QLineEdit:focus, QListView:focus {{ border-color: {colours.accent}; }}
    QCheckBox::indicator {{ width: 14px; height: 14px; border: 1px solid {colours.muted}; border-radius: 3px;
                            background: {colours.panel}; }}
    QCheckBox::indicator:checked {{ background: {colours.accent}; border-color: {colours.accent};
                                    image: url("{check}"); }}
    QCheckBox::indicator:disabled {{ border-color: {colours.line}; }}
    QCheckBox:focus::indicator, QCheckBox::indicator:focus {{ border-color: {colours.accent}; }}
    QProgressBar {{ border: 1px solid {colours.line}; border-radius: 4px; background: {colours.panel};
                    text-align: center; }}
    QProgressBar::chunk {{ background: {colours.accent}; border-radius: 3px; }}
    QProgressBar[textVisible="true"]::chunk {{ background: {under_text}; }}
    """


def ui_font(scale: float = 1.0, bold: bool = False) -> QFont:
    """The system's font at caption (0.85), body (1) or title (1.15) size, with figures of one width.

    Each font is made once for the application's current font, because drawing code asks for it often. The result is a
    copy, which the caller may change.
    """
    return QFont(_scaled(QApplication.font(), scale, bold))


@lru_cache(maxsize=32)
def _scaled(base: QFont, scale: float, bold: bool) -> QFont:
    font = QFont(base)
    font.setPointSizeF(font.pointSizeF() * scale)
    font.setBold(bold)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def mono_font(scale: float = 1.0) -> QFont:
    """The system's monospace font, for code and tokens."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(QApplication.font().pointSizeF() * scale)
    return font
