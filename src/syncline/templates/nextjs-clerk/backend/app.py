"""Who gets in: people whom Clerk has signed in.

`CLERK_DOMAIN` is the Frontend API URL, which Clerk's dashboard shows under "API keys": syncline env set CLERK_DOMAIN=https://...
Its "Convex" integration has to be switched on there, too: it makes the tokens for the backend.
"""

import os

from syncline import App
from syncline.auth import Clerk

app = App(auth=[Clerk(domain=os.environ.get("CLERK_DOMAIN", "https://example.clerk.accounts.dev"))])
