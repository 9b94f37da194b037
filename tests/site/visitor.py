"""Who visits the rendered site in the tests of this folder."""

LOCAL = ("file:", "data:", "blob:")
# Pictures below the window are loaded late: wait for them.
SETTLED = """async () => {
  for (const image of document.images) image.loading = "eager";
  const loaded = (image) => image.complete || new Promise((done) => {
    image.onload = image.onerror = done;
  });
  await Promise.all([...document.images].map(loaded));
}"""


class Visitor:
    """Opens pages of the site from disk, offline, and keeps what goes wrong on them.

    A new window reads scripts and styles anew, which takes longer than most tests; so windows of
    one kind are used again.
    """

    def __init__(self, browser, site):
        self.browser, self.site = browser, site
        self.contexts, self.windows = [], {}
        self.problems = []

    def window(self, *, width=1280, height=900, mode="light", scripts=True):
        """Open a window of one's own, empty."""
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
        """Lead a page to an address of the site, maybe with a query; wait for its pictures."""
        page.goto(self.site.as_uri() + "/" + address)
        if settle:
            page.evaluate(SETTLED)
        return page

    def open(self, address, *, settle=True, scripts=True, **window):
        """Lead the window of this kind to an address."""
        kind = (scripts, *sorted(window.items()))
        if kind not in self.windows:
            self.windows[kind] = self.window(scripts=scripts, **window)
        return self.go(self.windows[kind], address, settle=scripts and settle)

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
        self.windows.clear()
