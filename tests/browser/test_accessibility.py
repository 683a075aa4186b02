"""The explorer page for people who see little, or not: contrasts, names and roles, and no way in without one out."""

import re

import pytest

from browser.conftest import wait_for_map
from browser.looking import looking_at, make_wardrobe

pytestmark = pytest.mark.browser

# Contrasts as WCAG 2.2 counts them: of every text that is seen, of what can be operated, and of the labels' marks.
CONTRASTS = """() => {
    const channels = (color) => color.match(/[\\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b].map((one) => one / 255)
        .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
        .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
    const ratio = (one, two) => {
        const [dark, light] = [luminance(channels(one)), luminance(channels(two))].sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
    };
    const behind = (element) => {
        for (let one = element; one; one = one.parentElement) {
            const color = getComputedStyle(one).backgroundColor;
            if ((channels(color)[3] ?? 1) === 1) return color;
        }
        throw new Error("no background");
    };
    const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length;
    const poor = [];
    const note = (what, least, found) => found < least && poor.push(`${what}: ${found.toFixed(2)}`);
    let checked = 0;
    for (const element of document.querySelectorAll("body *")) {
        if (!seen(element) || element.closest("#map")) continue;
        const style = getComputedStyle(element);
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (own && element.tagName !== "NOSCRIPT") {
            checked++;
            note(`${element.tagName} ${element.textContent.slice(0, 20)}`, 4.5, ratio(style.color, behind(element)));
        }
        if (element.matches("button, select, input:not([type=checkbox], [type=file], [type=range])")) {
            checked++;
            const around = behind(element.parentElement);
            const edges = [style.borderTopColor, style.backgroundColor].map((one) => ratio(one, around));
            note(`edge of ${element.tagName} ${element.id}`, 3, Math.max(...edges));
        }
        if (element.matches("#labels path")) {
            checked++;
            note(`mark ${element.getAttribute("fill")}`, 3, ratio(style.fill, behind(element)));
        }
    }
    return { poor, checked };
}"""

REFERENCES = """() => {
    const wrong = [];
    const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
    wrong.push(...ids.filter((id, place) => ids.indexOf(id) !== place).map((id) => `twice: ${id}`));
    for (const name of ["for", "aria-controls", "aria-labelledby", "aria-describedby"])
        for (const one of document.querySelectorAll(`[${name}]`))
            for (const id of one.getAttribute(name).split(" "))
                if (!document.getElementById(id)) wrong.push(`${name} of nothing: ${id}`);
    const tabs = [...document.querySelectorAll("[role=tab]")];
    if (tabs.filter((one) => one.getAttribute("aria-selected") === "true").length !== 1) wrong.push("tabs selected");
    for (const tab of tabs) {
        const panel = document.getElementById(tab.getAttribute("aria-controls"));
        if (panel.getAttribute("role") !== "tabpanel" || panel.getAttribute("aria-labelledby") !== tab.id)
            wrong.push(`panel of ${tab.id}`);
        const chosen = tab.getAttribute("aria-selected") === "true";
        if (panel.hidden === chosen) wrong.push(`${tab.id} does not show its panel`);
    }
    wrong.push(...[...document.images].filter((one) => !one.hasAttribute("alt")).map(() => "a picture without alt"));
    const levels = [...document.querySelectorAll("h1, h2, h3")].map((one) => Number(one.tagName[1]));
    if (levels[0] !== 1 || levels.filter((one) => one === 1).length !== 1) wrong.push("headings");
    if (!document.documentElement.lang) wrong.push("no language");
    return wrong;
}"""

OPERATED = "button|textbox|searchbox|combobox|checkbox|tab|slider|spinbutton|link|img|tabpanel|region|dialog|toolbar"


def show_neighbours(page):
    page.fill("#words", "p7")
    page.keyboard.press("Enter")
    page.wait_for_selector("#neighbors .card img")


def show_selection(page):
    page.click("#view")
    page.wait_for_selector("#selection .lines li")


def show_threshold(page):
    page.click("#tab-threshold")
    page.wait_for_selector("#slider")


def show_review(page):
    page.click("#tab-review")
    page.click("#find-issues")
    page.wait_for_selector(".findings form")


PANELS = [show_neighbours, show_selection, show_threshold, show_review]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_panel__has_enough_contrast(served, open_page, scheme):
    page = open_page(served[0], color_scheme=scheme)
    wait_for_map(page)
    for show in PANELS:
        show(page)
        found = page.evaluate(CONTRASTS)
        assert found["poor"] == []
        assert found["checked"] > 40


def test_every_panel__has_names_and_roles_that_fit(wardrobe):
    for show in PANELS:
        show(wardrobe)
        assert wardrobe.evaluate(REFERENCES) == []
        spoken = wardrobe.locator("body").aria_snapshot()
        roles = re.findall(rf"^\s*- (?:{OPERATED})\b.*$", spoken, re.MULTILINE)
        assert len(roles) > 15
        assert [line for line in roles if '"' not in line] == []  # each has a name, which is quoted


def test_question_for_a_key__is_left_with_escape_and_asked_again(tmp_path, open_page):
    make_wardrobe(tmp_path / "wardrobe.index", count=60)
    key = "a-key-that-may-only-read"
    with looking_at(tmp_path / "wardrobe.index", read=[key]) as address:
        page = open_page(address, refused="status of 401")
        page.wait_for_selector("#key[open]")
        assert page.evaluate(CONTRASTS)["poor"] == []
        page.keyboard.press("Escape")
        page.wait_for_selector("#key:not([open])", state="attached")
        page.wait_for_function("document.getElementById('said').textContent.includes('Without a key')")
        page.click("text=Enter a key")
        page.wait_for_selector("#key[open]")
        page.fill("#key-value", key)
        page.keyboard.press("Enter")
        wait_for_map(page)
        assert page.locator("#enter").is_hidden()
