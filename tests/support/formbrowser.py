"""A browser without a screen: it follows redirects, keeps cookies, fills in forms, and says where a request comes from."""

import contextlib
import html
import re
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urljoin, urlsplit

import httpx

_FORM = re.compile(r"<form[^>]*action=\"([^\"]+)\"[^>]*>(.*?)</form>", re.DOTALL | re.IGNORECASE)
_FIELD = re.compile(r"<(?:input|button)\b[^>]*>", re.IGNORECASE)
_NAME = re.compile(r"\bname=\"([^\"]*)\"")
_VALUE = re.compile(r"\bvalue=\"([^\"]*)\"")
NAVIGATION = {
    "accept": "text/html,application/xhtml+xml",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "sec-fetch-site": "none",
}


class Browser:
    """Cookies are shared by the ports of a host, as in every browser, and loopback counts as secure."""

    def __init__(self, *, verify=True):
        # http.cookiejar leaves `SameSite` and prefixes alone: a test of those takes a real browser.
        self.jar = CookieJar(DefaultCookiePolicy(secure_protocols=("https", "http")))
        self._cookies = httpx.Cookies(self.jar)
        # A client would send them by its own rules.
        blocked = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self.http = httpx.Client(cookies=blocked, timeout=60, verify=verify)
        self.seen = []
        """Every response, in order."""

    def close(self):
        self.http.close()

    def ask(self, method, url, *, headers=None, **more):
        request = self.http.build_request(method, url, headers={**NAVIGATION, **(headers or {})}, **more)
        self._cookies.set_cookie_header(request)
        answer = self.http.send(request)
        self._cookies.extract_cookies(answer)
        self.seen.append(answer)
        return answer

    def go(self, url, *, until=None, **more):
        """Open an address, and follow where it leads: to the end, or to the first address that begins with `until`."""
        answer = self.ask("GET", url, **more)
        return self._followed(answer, until)

    def submit(self, page, *, until=None, **filled):
        """Send the page's form, and follow where that leads."""
        action, inside = _FORM.search(page.text).groups()
        fields = {}
        for field in _FIELD.findall(inside):
            name = _NAME.search(field)
            if name is not None:
                value = _VALUE.search(field)
                fields[name.group(1)] = html.unescape(value.group(1)) if value else ""
        target = urljoin(str(page.url), html.unescape(action))
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(str(page.url)))
        answer = self.ask(
            "POST", target, data=fields | filled, headers={"origin": origin, "sec-fetch-site": "same-origin"}
        )
        return self._followed(answer, until)

    def log_in(self, page, name, *, until=None):
        """Fill in the provider's pages, from its login to its consent, whichever of them come."""
        for _ in range(4):
            if not _FORM.search(page.text) or "prompt" not in page.text:
                return page
            filled = {"login": name, "password": "any"} if 'name="login"' in page.text else {}
            page = self.submit(page, until=until, **filled)
        raise AssertionError(page.text)

    def cookie(self, name):
        return next((cookie.value for cookie in self.jar if cookie.name == name), None)

    def _followed(self, answer, until):
        for _ in range(20):
            if not answer.is_redirect:
                return answer
            where = urljoin(str(answer.url), answer.headers["location"])
            if until is not None and where.startswith(until):
                return answer
            answer = self.ask("GET", where, headers={"sec-fetch-site": "cross-site"})
        raise AssertionError("it leads around in circles")


@contextlib.contextmanager
def browser(**options):
    opened = Browser(**options)
    try:
        yield opened
    finally:
        opened.close()
