"""Who visits the rendered site in the tests of this folder."""

LOCAL = ("file:", "data:", "blob:")
# MathJax is loaded late: wait until it has typeset, then for the pictures.
SETTLED = """async () => {
  await window.MathJax?.startup?.promise;
  for (const image of document.images) image.loading = "eager";
  await Promise.allSettled([...document.images].map((image) => image.decode()));
}"""


class Visitor:
    """Opens pages of the site from disk, offline, and keeps what goes wrong on them."""

    def __init__(self, browser, site):
        self.browser, self.site = browser, site
        self.contexts = []
        self.problems = []

    def window(self, *, width=1280, height=900, mode="light", scripts=True):
        """Open an empty page."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, offline=True, java_script_enabled=scripts
        )
        context.set_default_timeout(10_000)
        self.contexts.append(context)
        if mode:
            context.add_init_script(f"localStorage.mode ??= localStorage.theme ??= {mode!r}")
        page = context.new_page()
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        return page

    def go(self, page, address, settle=True):
        """Lead a page to an address of the site, maybe with a query; wait until it is typeset."""
        page.goto(self.site.as_uri() + "/" + address)
        if settle:
            page.evaluate(SETTLED)
        return page

    def open(self, address, *, settle=True, scripts=True, **window):
        """Open a window on an address."""
        page = self.window(scripts=scripts, **window)
        return self.go(page, address, settle=scripts and settle)

    def _request(self, request):
        if not request.url.startswith(LOCAL):
            self.problems.append(f"asks the network for {request.url}")

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text}")

    def close(self):
        """Close all windows."""
        for context in self.contexts:
            context.close()
        self.contexts.clear()
