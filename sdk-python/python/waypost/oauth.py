"""Access tokens by OAuth: signing people in, and where their tokens are kept.

Example:
    ```python
    from waypost.oauth import FileTokenStore, SignIn

    store = FileTokenStore("tokens.json")
    SignIn("https://api.example", client_id="ocl_1", scope="wallets:read", token_store=store).with_browser()
    client = waypost.Client("https://api.example", client_id="ocl_1", token_store=store)
    ```

Promises: a redirect is believed only with the state of its sign-in, and a device asks no faster than it is told; a code is sent once; what is printed of any
of this shows no token, code or secret.
"""

from __future__ import annotations

from ._sign_in import AsyncAuthorizationCode, AsyncSignIn, AuthorizationCode, DeviceProgress, SignIn
from ._tokens import AsyncTokenStore, FileTokenStore, MemoryTokenStore, TokenSet, TokenStore
from .errors import OAuthError

__all__ = [
    "AsyncAuthorizationCode",
    "AsyncSignIn",
    "AsyncTokenStore",
    "AuthorizationCode",
    "DeviceProgress",
    "FileTokenStore",
    "MemoryTokenStore",
    "OAuthError",
    "SignIn",
    "TokenSet",
    "TokenStore",
]
