"""Who gets in: people with a password, or with a code that was sent to their address.

In development no mail is sent: /auth/inbox shows every mail that would have been.
"""

from syncline import App
from syncline.auth import Accounts, EmailCode, Password

app = App(auth=[Password(), EmailCode(), Accounts(name="my-app")])
