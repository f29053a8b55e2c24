"Fixtures for the tests of the test kit: the browser and the files from npm"
from browser.conftest import chromium, npm_files, playwright  # noqa: F401
