"""A person with a real browser: consent, a device's code, and the sandbox's own page."""

from __future__ import annotations

import contextlib
import http.server
import pathlib
import re
import shutil
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from ultracart.sandbox import Application, Sandbox

from .conftest import DEVICE_GRANT, query_of

CHROMIUM = shutil.which("chromium")
CHROMEDRIVER = shutil.which("chromedriver")
axe_core = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
html5lib = pytest.importorskip("html5lib", reason="html5lib is not installed")
selenium = pytest.importorskip("selenium", reason="selenium is not installed")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None or CHROMEDRIVER is None,
        reason="Debian's chromium and chromium-driver are not installed",
    ),
]

DEADLINE = 30
AXE = pathlib.Path(axe_core.__file__).with_name("axe.min.js")
#: The last two keep a machine without a network from being asked for one; the sandbox of Chromium
#: itself does not start for root, as CI runs.
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--window-size=900,1000",
    "--disable-background-networking",
    "--disable-component-update",
)


def callbacks(application: Any) -> list[str]:
    return [path for path in application.visits if path.startswith("/callback")]


class _Visit(http.server.BaseHTTPRequestHandler):
    """An application: its callback remembers the URL and goes on to its start page."""

    def do_GET(self) -> None:
        self.server.visits.append(self.path)  # type: ignore[attr-defined]
        if self.path.startswith("/callback"):
            self.send_response(303)
            self.send_header("Location", self.server.start_page)  # type: ignore[attr-defined]
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>Order Board</title><h1>Welcome back</h1>")

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def application() -> Iterator[Any]:
    """An application on loopback whose callback redirects to another port, as front ends do."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Visit) as server:
        server.visits = []  # type: ignore[attr-defined]
        server.start_page = f"http://localhost:{server.server_port}/"  # type: ignore[attr-defined]
        callback = f"http://127.0.0.1:{server.server_port}/callback"
        server.redirect_uri = callback  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(DEADLINE)


@pytest.fixture
def shop(application: Any, browser: Any) -> Iterator[Sandbox]:
    registered = Application("order_board", (application.redirect_uri,), name="Order Board")
    merchants = {"DEMO": "Demo Store", "OAK": "Oak & Iron Tools"}
    with Sandbox(applications=[registered], merchants=merchants) as sandbox:
        yield sandbox
        # The sandbox's page asks for news all the time: it is left before the sandbox closes.
        browser.get("about:blank")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))
    yield driver
    driver.quit()


@pytest.fixture
def person(browser: Any) -> Iterator[Person]:
    browser.delete_all_cookies()
    browser.get_log("browser")
    yield Person(browser)
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    # A refused policy, a missing style sheet or a foreign address would be reported here.
    expected = ("favicon", " 400 ")
    assert [text for text in complaints if not any(part in text for part in expected)] == []


class Person:
    """Somebody in front of the browser."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def open(self, url: str) -> None:
        self.browser.get(url)

    def open_consent(self, sandbox: Sandbox, **parameters: str) -> None:
        self.open(self.consent_url(sandbox, **parameters))

    def follow_link_to(self, sandbox: Sandbox) -> None:
        """From the page that is open, as by a click: what leads here from elsewhere counts."""
        self.browser.execute_script("location.href = arguments[0]", self.consent_url(sandbox))

    def consent_url(self, sandbox: Sandbox, **parameters: str) -> str:
        values = {
            "response_type": "code",
            "client_id": sandbox.client_id,
            "redirect_uri": sandbox.redirect_uri,
            "scope": "order_read order_write customer_read",
            "state": "s 1&2",
        }
        return f"{sandbox.host}/oauth/authorize?{urlencode({**values, **parameters})}"

    @contextlib.contextmanager
    def at_width(self, width: int) -> Iterator[None]:
        size = {"width": width, "height": 720, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        try:
            yield
        finally:
            self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def page_width(self) -> int:
        width: int = self.browser.execute_script("return document.documentElement.scrollWidth")
        return width

    def wait_until(self, condition: Any) -> None:
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.wait import WebDriverWait

        # While one page gives way to the next, the driver complains in several ways.
        between_pages = (WebDriverException,)
        WebDriverWait(self.browser, DEADLINE, ignored_exceptions=between_pages).until(condition)

    def see(self, text: str) -> None:
        self.wait_until(lambda browser: text in browser.find_element("tag name", "body").text)

    def press(self, name: str) -> None:
        self.wait_until(lambda _: self._click("button", name))

    def choose(self, merchant: str) -> None:
        self.wait_until(lambda _: self._click("input[type=radio]", merchant))

    def _fill(self, name: str, text: str) -> bool:
        field = self.browser.find_element("css selector", "input:not([type])")
        assert field.accessible_name == name
        field.clear()
        field.send_keys(text)
        return True

    def _click(self, selector: str, name: str) -> bool:
        for item in self.browser.find_elements("css selector", selector):
            if item.accessible_name.startswith(name):
                item.click()
                return True
        return False

    def enter_code(self, code: str) -> None:
        self.wait_until(lambda _: self._fill("Enter the code that your device shows", code))

    @contextlib.contextmanager
    def in_the_dark(self) -> Iterator[None]:
        dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
        try:
            yield
        finally:
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    def barriers(self) -> list[str]:
        """What axe-core has against the page, WCAG 2.1 AA and its best practices."""
        self.browser.execute_script(AXE.read_text(encoding="utf-8"))
        found = self.browser.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document).then((result) => done(result.violations), done);"
        )
        return [f"{item['id']}: {item['nodes'][0]['html']}" for item in found]

    def fill(self, name: str, text: str) -> None:
        """Write into the visible field of this name, also where news replace parts of the page."""
        self.wait_until(lambda _: self._write(name, text))

    def _write(self, name: str, text: str) -> bool:
        for field in self.browser.find_elements("css selector", "input"):
            if field.is_displayed() and field.accessible_name.startswith(name):
                field.clear()
                field.send_keys(text)
                return True
        return False

    def clipboard(self) -> str:
        text: str = self.browser.execute_async_script(
            "navigator.clipboard.readText().then(arguments[0], (e) => arguments[0](String(e)))"
        )
        return text

    def focused(self) -> list[str]:
        """The outline's style, the name and the HTML of what has the focus, read at one moment."""
        found: list[str] = self.browser.execute_script(
            "const focused = document.activeElement;"
            "const outline = getComputedStyle(focused).outlineStyle;"
            "return [outline, focused.innerText, focused.outerHTML];"
        )
        return found

    def type(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()


def test_allow(person, shop, application, connect):
    person.open_consent(shop)
    person.see("Order Board asks for access to a merchant account")
    person.see("Create and change orders")
    person.choose("Oak & Iron Tools")
    person.press("Allow")
    person.see("Welcome back")
    (callback,) = callbacks(application)
    assert query_of(callback)["state"] == "s 1&2"
    token = connect(shop).exchange(callback).json()
    assert token["merchant_id"] == "OAK"
    assert token["scope"] == "order_read order_write customer_read"


def test_deny(person, shop, application):
    person.open_consent(shop)
    person.press("Deny")
    person.see("Welcome back")
    answer = query_of(callbacks(application)[0])
    assert answer["error"] == "access_denied"
    assert answer["state"] == "s 1&2"
    assert "code" not in answer


def test_a_bad_link_stays_here(person, shop, application):
    person.open_consent(shop, redirect_uri="https://evil.example/cb")
    person.see("This link does not work")
    assert application.visits == []


def test_wrong_device_code_then_the_right_one(person, shop, connect):
    wire = connect(shop)
    device = wire.post("/oauth/device/authorize", client_id=shop.client_id, scope="crm").json()
    person.open(device["verification_uri"])
    person.enter_code("WRONG-CODE")
    person.press("Continue")
    person.see("There is no such code")
    person.enter_code(device["user_code"].lower())
    person.press("Continue")
    person.see(device["user_code"])
    person.see("Use the customer relationship tools")
    person.press("Allow")
    person.see("Your device is connected")
    answer = wire.token(grant_type=DEVICE_GRANT, device_code=device["device_code"])
    assert answer.json()["merchant_id"] == "DEMO"


def test_device_denied(person, shop, connect):
    wire = connect(shop)
    device = wire.post("/oauth/device/authorize", client_id=shop.client_id, scope="crm").json()
    person.open(device["verification_uri_complete"])
    person.press("Continue")
    person.press("Deny")
    person.see("Access denied")
    answer = wire.token(grant_type=DEVICE_GRANT, device_code=device["device_code"])
    assert answer.json()["error"] == "access_denied"


def test_keyboard_alone(person, shop, application, connect):
    from selenium.webdriver.common.keys import Keys

    person.open_consent(shop)
    person.type(Keys.TAB, Keys.ARROW_DOWN, Keys.TAB, Keys.ENTER)
    person.see("Welcome back")
    assert connect(shop).exchange(callbacks(application)[0]).json()["merchant_id"] == "OAK"
    person.open_consent(shop)
    person.type(Keys.TAB, Keys.TAB, Keys.TAB, Keys.ENTER)
    person.see("Welcome back")
    assert query_of(callbacks(application)[1])["error"] == "access_denied"


def test_keyboard_alone_on_a_device(person, shop, connect):
    from selenium.webdriver.common.keys import Keys

    wire = connect(shop)
    device = wire.post("/oauth/device/authorize", client_id=shop.client_id, scope="crm").json()
    person.open(device["verification_uri"])
    # The browser gives the focus when it first draws the page, which may be after it has loaded.
    person.wait_until(lambda browser: browser.switch_to.active_element.tag_name == "input")
    person.type(device["user_code"], Keys.ENTER)
    person.see("asks for access from a device")
    person.type(Keys.TAB, Keys.TAB, Keys.ENTER)
    person.see("Your device is connected")


def test_two_sandboxes_in_one_browser(person, shop):
    with Sandbox() as other:
        person.open_consent(shop)
        first = person.browser.current_window_handle
        person.browser.switch_to.new_window("tab")
        person.open(f"{other.host}/oauth/device")
        person.see("Connect a device")
        # The second tab stays open: chromedriver at times fails to close one.
        person.browser.switch_to.window(first)
        person.press("Allow")
        person.see("Welcome back")


def test_two_tabs_from_an_application_on_another_host_name(person, shop, application):
    """A link from "localhost" to 127.0.0.1 crosses sites; the second must not spoil the first."""
    links = []
    for _ in range(2):
        links.append(person.browser.current_window_handle)
        person.open(application.start_page)
        person.follow_link_to(shop)
        person.see("Order Board asks for access to a merchant account")
        person.browser.switch_to.new_window("tab")
    person.browser.switch_to.window(links[0])
    person.press("Allow")
    person.see("Welcome back")
    assert "code" in query_of(callbacks(application)[0])


@pytest.mark.parametrize("width", [320, 800])
def test_the_page_fits(person, shop, width, tmp_path: pathlib.Path):
    """No sideways scrolling down to 320 pixels (WCAG 1.4.10).

    The picture in docs/Sandbox.md is what this leaves in ``--basetemp`` at 800 pixels.
    """
    with person.at_width(width):
        person.open_consent(shop, redirect_uri="http://127.0.0.1:8000/callback")
        person.browser.save_screenshot(str(tmp_path / "sandbox-consent.png"))
        assert person.page_width() <= width


def test_names_without_a_space_fit(person, application):
    registered = Application("shop", (application.redirect_uri,), name="Board" * 20)
    merchants = {"DEMO": "Store" * 20}
    with Sandbox(applications=[registered], merchants=merchants) as shop, person.at_width(320):
        person.open_consent(shop, scope="reports_" * 10)
        person.see(merchants["DEMO"])
        assert person.page_width() <= 320


@pytest.fixture
def busy(shop: Sandbox, connect: Any) -> Iterator[Sandbox]:
    """A sandbox with something to see in each part of its page."""
    wire = connect(shop)
    token = wire.grant(merchant="DEMO", scope="order_read order_write")
    revoked = wire.grant(merchant="OAK", scope="item_read")
    shop.answer("GET", "/order/orders/{order_id}", {"order": {"order_id": "DEMO-1"}})
    wire.get("/order/orders/DEMO-1", token["access_token"])
    wire.get("/item/items/BONE", token["access_token"])
    shop.faults.add("/order/orders", status=503)
    wire.get("/order/orders", token["access_token"])
    wire.get("/oauth/me", "nothing")
    shop.revoke(token=revoked["access_token"])
    wire.post("/oauth/device/authorize", client_id=shop.client_id, scope="crm")
    shop.faults.add("/oauth/token", retry_after=2, times=2)
    yield shop
    shop.faults.clear()


def test_requests_show_up_by_themselves(person, shop, connect):
    person.open(shop.url)
    person.see("None yet.")
    token = connect(shop).grant()["access_token"]
    person.see("POST /oauth/token")
    connect(shop).get("/item/items/BONE", token)
    person.see("GET /item/items/BONE")
    person.see("Live")


def test_expire_and_revoke_by_click(person, shop, connect):
    wire = connect(shop)
    token = wire.grant(merchant="OAK")["access_token"]
    person.open(shop.url)
    person.press("Expire the access token of Oak & Iron Tools")
    person.see("The access token has expired.")
    assert wire.get("/oauth/me", token).status == 401
    person.press("Revoke of Oak & Iron Tools")
    person.see("The grant is revoked.")


def test_a_device_is_approved_and_another_refused(person, shop, connect):
    wire = connect(shop)
    person.open(shop.url)
    person.see("None. ultracart login --device --client-id order_board starts one.")
    form = {"client_id": shop.client_id, "scope": "crm"}
    first, second = (wire.post("/oauth/device/authorize", **form).json() for _ in range(2))
    person.see(second["user_code"])
    person.press(f"Approve {first['user_code']}")
    person.see("The device is approved.")
    person.press(f"Refuse {second['user_code']}")
    person.see("The device is refused.")
    grant = {"grant_type": DEVICE_GRANT, "device_code": first["device_code"]}
    assert wire.token(**grant).json()["merchant_id"] == "DEMO"


def test_a_token_is_copied_for_curl(person, shop, connect):
    token = connect(shop).grant()["access_token"]
    permission = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    person.browser.execute_cdp_cmd("Browser.grantPermissions", permission)
    person.open(shop.url)
    person.press("Copy for curl")
    person.see("Copied")
    assert person.clipboard() == f"Authorization: Bearer {token}"
    assert token not in person.browser.page_source


def test_a_fault_and_a_switch_are_set(person, shop, connect):
    person.open(shop.url)
    person.browser.find_element("xpath", "//summary[.='Let something go wrong']").click()
    person.fill("Path", "/oauth/me")
    person.press("Set the fault")
    person.see("any method /oauth/me")
    assert connect(shop).get("/oauth/me").status == 503
    person.fill("access_token_lifetime", "60")
    person.press("Set the switches")
    person.see("The switches are set.")
    assert shop.access_token_lifetime == 60
    person.fill("access_token_lifetime", "soon")
    person.press("Set the switches")
    person.see("access_token_lifetime must be a number of seconds")


def test_the_page_by_keyboard_alone(person, shop, connect):
    from selenium.webdriver.common.keys import Keys

    wire = connect(shop)
    token = wire.grant()["access_token"]
    person.open(shop.url)
    for _ in range(20):
        person.type(Keys.TAB)
        outline, name, html = person.focused()
        assert outline != "none", html
        if name.startswith("Revoke"):
            break
    # News that arrive meanwhile take the focus from nobody.
    wire.get("/item/items/BONE", token)
    person.see("GET /item/items/BONE")
    person.type(Keys.ENTER)
    person.see("The grant is revoked.")
    assert wire.get("/oauth/me", token).status == 401


def test_the_page_works_without_javascript(person, busy, connect):
    person.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        person.open(busy.url)
        person.see("Reload for news")
        person.press("Copy for curl")
        person.see("Header line for curl")
        person.open(busy.url)
        person.press("Revoke of Demo Store")
        person.see("The grant is revoked.")
    finally:
        person.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("width", [320, 800, 1440])
def test_the_page_of_the_sandbox_fits(person, busy, width, tmp_path: pathlib.Path):
    """The pictures in docs/Sandbox.md are what this leaves in ``--basetemp`` at 1440 pixels."""
    with person.at_width(width):
        person.open(busy.url)
        person.see("Live")
        person.browser.save_screenshot(str(tmp_path / "sandbox-page.png"))
        assert person.page_width() <= width
        with person.in_the_dark():
            person.browser.save_screenshot(str(tmp_path / "sandbox-page-dark.png"))


@pytest.mark.parametrize("width", [320, 1440])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_no_barrier(person, busy, width, colours):
    scheme = person.in_the_dark() if colours == "dark" else contextlib.nullcontext()
    with person.at_width(width), scheme:
        person.open(busy.url)
        person.see("Live")
        assert person.barriers() == []
        person.open(f"{busy.url}?done=revoke")
        for summary in person.browser.find_elements("css selector", "summary"):
            summary.click()
        assert person.barriers() == []
        person.open_consent(busy)
        assert person.barriers() == []
        person.open(f"{busy.host}/oauth/device")
        assert person.barriers() == []


def test_the_pages_are_valid_html(busy, connect):
    wire = connect(busy)
    pages = [
        wire.pool.request("GET", busy.url).data.decode(),
        wire.get("/oauth/device").data.decode(),
        wire.get(f"/oauth/authorize?response_type=code&client_id={busy.client_id}").data.decode(),
    ]
    for page in pages:
        html5lib.HTMLParser(strict=True).parse(page)
        names = re.findall(r' id="([^"]+)"', page)
        assert len(names) == len(set(names))
