"""The pages of a certificate: its statement as a PDF that people read."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from registry.quality.words import WORDS, Language

Row = dict[str, Any]
Colour = tuple[int, int, int]

INK: Colour = (28, 36, 48)
GREY: Colour = (108, 117, 130)
LINE: Colour = (216, 221, 228)
PALE: Colour = (244, 246, 249)
BRAND: Colour = (11, 83, 105)
GOOD: Colour = (38, 140, 102)
FAIR: Colour = (226, 164, 42)
POOR: Colour = (199, 68, 58)
FONT = "helvetica"
MARGIN = 16.0
WIDTH = 210 - 2 * MARGIN
# mm: of the chart of days.
CHART_HEIGHT = 26.0
# Of a table, in mm; they add up to WIDTH.
COLUMNS = {
    "metric": 33, "interval": 15, "expected": 18, "received": 18, "complete": 17, "late": 14,
    "duplicates": 16, "offset": 28, "gap": 19,
}  # fmt: skip
# So many reasons and gaps are listed.
LISTED = 6


class Page(FPDF):
    """A4 with a band above, and a foot."""

    def __init__(self, statement: Row) -> None:
        super().__init__(format="A4")
        self.statement = statement
        self.words = WORDS[language_of(statement)]
        self.c_margin = 0
        self.set_margins(MARGIN, 35, MARGIN)
        self.set_auto_page_break(auto=True, margin=17)
        self.set_title(plain(f"{self.words['title']}: {statement['device']['id']}"))
        self.set_author(plain(statement["issuer"]))
        self.set_creation_date(datetime.fromisoformat(statement["issued_at"]))
        self.alias_nb_pages()

    def header(self) -> None:
        """The band with the title."""
        self.set_fill_color(*BRAND)
        self.rect(0, 0, 210, 28, style="F")
        self.set_text_color(255, 255, 255)
        self.set_font(FONT, "B", 19)
        self.set_xy(MARGIN, 8)
        self.cell(WIDTH * 0.65, 8, plain(self.words["title"]))
        self.set_font(FONT, "", 9)
        self.set_xy(MARGIN, 16.5)
        self.cell(WIDTH * 0.65, 5, plain(f"Technopark IoT  |  {self.statement['issuer']}"))
        self.set_xy(MARGIN + WIDTH * 0.5, 9.5)
        number = self.statement["number"]
        self.cell(WIDTH * 0.5, 5, f"No. {number}", align="R")
        self.set_y(35)

    def footer(self) -> None:
        """The number of the page."""
        self.set_y(-14)
        self.set_font(FONT, "", 8)
        self.set_text_color(*GREY)
        foot = self.words["page"].format(page=self.page_no(), pages="{nb}")
        self.cell(WIDTH / 2, 5, plain(self.statement["device"]["id"]))
        self.cell(WIDTH / 2, 5, plain(foot), align="R")

    def heading(self, text: str) -> None:
        """The title of a section."""
        self.ln(3.2)
        self.set_text_color(*BRAND)
        self.set_font(FONT, "B", 11)
        self.cell(WIDTH, 6, plain(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def small(self, text: str, style: str = "") -> None:
        """A paragraph of small print."""
        self.set_text_color(*GREY)
        self.set_font(FONT, style, 8)
        self.multi_cell(WIDTH, 4, plain(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")


def render(statement: Row, sealed: bytes) -> bytes:
    """The PDF of a statement.

    Args:
        statement: what is stated.
        sealed: the statement as it is signed, which goes into the file as an attachment.
    """
    page = Page(statement)
    page.add_page()
    facts(page)
    tiles(page)
    chart(page)
    table(page)
    refusals(page)
    page.heading(page.words["method"])
    page.small(page.words["method_text"])
    fingerprint(page)
    # Not compressed, so that whoever verifies the file finds it without reading PDF.
    page.embed_file(bytes=sealed, basename="statement.txt", desc="signed statement", compress=False)
    return bytes(page.output())


def facts(page: Page) -> None:
    """Of what, when and whose."""
    words, device = page.words, page.statement["device"]
    start, end = (local(page, page.statement[name]) for name in ("from", "to"))
    # Of a device that is another's now it has the id alone.
    owner = f"{device['tenant']} ({device['tenant_id']})" if device["tenant_id"] else "-"
    name = f"{device['name']} ({device['id']})" if device["name"] else device["id"]
    place = ", ".join(part for part in (device["lab"], device["park"]) if part)
    rows = [
        (words["device"], name),
        (words["model"], device["model"] or "-"),
        (words["owner"], owner),
        (words["place"], place or "-"),
        (words["period"], f"{start} {words['until']} {end} ({page.statement['time_zone']})"),
        (words["issued"], local(page, page.statement["issued_at"])),
    ]
    for label, value in rows:
        page.set_font(FONT, "", 9)
        page.set_text_color(*GREY)
        page.cell(30, 5.2, plain(label))
        page.set_text_color(*INK)
        page.set_font(FONT, "B" if label == words["device"] else "", 9.5)
        page.multi_cell(WIDTH - 30, 5.2, plain(value), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def tiles(page: Page) -> None:
    """The four figures that tell most."""
    figures = page.statement["summary"]
    names = ("uptime", "completeness", "on_time", "in_range")
    page.ln(4)
    gap, top = 4.0, page.get_y()
    width = (WIDTH - 3 * gap) / 4
    for i, name in enumerate(names):
        left = MARGIN + i * (width + gap)
        page.set_fill_color(*PALE)
        page.rect(left, top, width, 21, style="F", round_corners=True, corner_radius=1.5)
        page.set_fill_color(*colour(figures[name]))
        page.rect(left, top, 1.4, 21, style="F")
        page.set_xy(left + 5, top + 3)
        page.set_text_color(*INK)
        page.set_font(FONT, "B", 17)
        page.cell(width - 6, 9, percent(figures[name]))
        page.set_xy(left + 5, top + 12.5)
        page.set_text_color(*GREY)
        page.set_font(FONT, "", 9)
        page.cell(width - 6, 5, plain(page.words[name]))
    page.set_xy(MARGIN, top + 21)


def chart(page: Page) -> None:
    """A bar for each day, as high as the device was up."""
    days = page.statement["days"]
    page.heading(page.words["by_day"])
    page.small(page.words["by_day_note"].format(zone=page.statement["time_zone"]))
    left, top, width = MARGIN + 10, page.get_y() + 3, WIDTH - 10
    page.set_draw_color(*LINE)
    page.set_line_width(0.2)
    for share in (0.0, 0.5, 1.0):
        y = top + CHART_HEIGHT * (1 - share)
        page.line(left, y, left + width, y)
        page.set_xy(MARGIN, y - 2)
        page.set_font(FONT, "", 7)
        page.set_text_color(*GREY)
        page.cell(9, 4, f"{share:.0%}", align="R")
    step = width / max(len(days), 12)
    for i, day in enumerate(days):
        if day["uptime"] is not None:
            height = max(CHART_HEIGHT * day["uptime"], 0.4)
            page.set_fill_color(*colour(day["uptime"]))
            page.rect(left + i * step + step * 0.12, top + CHART_HEIGHT - height,
                      step * 0.76, height, style="F")  # fmt: skip
    every = -(-len(days) // 10)
    for i in range(0, len(days), every):
        page.set_xy(left + i * step - 4 + step / 2, top + CHART_HEIGHT + 0.8)
        page.cell(8, 4, date.fromisoformat(days[i]["day"]).strftime("%d/%m"), align="C")
    page.set_xy(MARGIN, top + CHART_HEIGHT + 5)


def table(page: Page) -> None:
    """A line for each series."""
    page.heading(page.words["series"])
    page.set_font(FONT, "B", 7.5)
    page.set_text_color(*GREY)
    page.set_draw_color(*LINE)
    for name, width in COLUMNS.items():
        align = "L" if name == "metric" else "R"
        page.cell(width, 6, plain(page.words[name]), border="B", align=align)
    page.ln(6)
    for series in page.statement["series"]:
        cells = {
            "metric": shortened(series["metric"], series["unit"]),
            "interval": span(page, series["interval_seconds"]),
            "expected": number(series["expected"]),
            "received": number(series["received"]),
            "complete": percent(series["completeness"]),
            "late": percent(series["late_share"]),
            "duplicates": number(series["duplicates"]),
            "offset": delays(page, series),
            "gap": span(page, series["longest_gap_seconds"]),
        }
        page.set_font(FONT, "", 8)
        page.set_text_color(*INK)
        for name, width in COLUMNS.items():
            align = "L" if name == "metric" else "R"
            page.cell(width, 5.6, plain(cells[name]), border="B", align=align)
        page.ln(5.6)


def refusals(page: Page) -> None:
    """What was refused, by reason."""
    page.heading(page.words["rejections"])
    found = page.statement["rejections"] or []
    text = ",  ".join(f"{each['reason']}: {number(each['count'])}" for each in found[:LISTED])
    page.small(text or page.words["none"])


def fingerprint(page: Page) -> None:
    """The hash of the data, and how to verify the file."""
    words, statement = page.words, page.statement
    page.heading(words["data"])
    page.set_text_color(*INK)
    page.set_font("courier", "", 9)
    page.cell(WIDTH, 5, statement["data"]["sha256"], new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.small(words["data_text"])
    page.heading(words["signature"])
    page.small(words["signature_text"].format(key=statement["key"], url=statement["key_url"]))


def language_of(statement: Row) -> Language:
    """The language in which the pages are."""
    found: Language = statement["language"]
    return found


def plain(text: str) -> str:
    """Text as the fonts that every PDF reader has can show it."""
    return text.encode("latin-1", "replace").decode("latin-1")


def local(page: Page, moment: str) -> str:
    """A time on the clock of the device's park."""
    zone = ZoneInfo(page.statement["time_zone"])
    return datetime.fromisoformat(moment).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def percent(share: float | None) -> str:
    """A share; never 100 where something is missing."""
    if share is None:
        return "-"
    return "100 %" if share == 1 else f"{min(share * 100, 99.99):.2f} %"


def number(value: int | None) -> str:
    """A number with thin groups of thousands."""
    return "-" if value is None else f"{value:,}".replace(",", " ")


def span(page: Page, seconds: float | None) -> str:
    """A time in its handiest unit."""
    if seconds is None:
        return "-"
    units = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
    name, size = next((unit for unit in units if abs(seconds) >= 2 * unit[1]), units[-1])
    return f"{seconds / size:.3g} {page.words[name]}"


def delays(page: Page, series: Row) -> str:
    """Median and 95th percentile."""
    if series["offset_median_seconds"] is None:
        return "-"
    return " / ".join(span(page, series[f"offset_{name}_seconds"]) for name in ("median", "p95"))


def shortened(metric: str, unit: str | None) -> str:
    """A metric with its unit, as far as there is room."""
    text = metric if unit is None else f"{metric} [{unit}]"
    return text if len(text) <= 20 else f"{text[:18]}.."


def colour(share: float | None) -> Colour:
    """Green, amber or red."""
    if share is None:
        return LINE
    return GOOD if share >= 0.99 else FAIR if share >= 0.9 else POOR
