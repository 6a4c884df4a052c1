"""A client library that others wrote (Authlib) against the gateway as an authorization server."""

import os
import re
import secrets
import signal
import subprocess
from html import unescape
from urllib.parse import parse_qs, urlparse

import httpx
import pytest
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.integrations.base_client.errors import OAuthError
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

PASSWORD = "correct horse battery staple"
REDIRECT = "https://books.example/callback"


@pytest.fixture(scope="session")
def url(tmp_path_factory):
    place = tmp_path_factory.mktemp("gateway")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
    binary = os.environ["WAYPOST_GATEWAY_BIN"]
    arguments = [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", str(place / "data"), "--durability", "normal"]
    arguments += ["--set", "rate_limits.enabled=false"]
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    for line in child.stdout:
        if found := re.search(r"listening on (http:\S+)", line):
            break
    else:
        raise RuntimeError("the gateway ended before it listened")
    yield found[1]
    child.send_signal(signal.SIGTERM)
    child.wait()


@pytest.fixture(scope="session")
def person(url):
    email = f"{secrets.token_hex(4)}@example.com"
    account = {"email": email, "password": PASSWORD, "name": "Ada Marlowe"}
    httpx.post(f"{url}/v1/auth/register", json=account).raise_for_status()
    tokens = httpx.post(f"{url}/v1/auth/login", json={"email": email, "password": PASSWORD}).json()
    return {"email": email, "token": tokens["access_token"]}


def register(url, person, **change):
    body = {"name": "Bookkeeper", "type": "confidential", "scopes": ["wallets:read"], **change}
    answer = httpx.post(f"{url}/v1/oauth_clients", json=body, headers={"Authorization": f"Bearer {person['token']}"})
    assert answer.status_code == 201, answer.text
    return answer.json()["client"]["id"], answer.json().get("client_secret")


def field(html, name):
    return unescape(re.search(rf'name="{name}" value="([^"]*)"', html)[1])


def agree(url, person, address):
    """A person signs in and agrees; answers where the browser is sent."""
    with httpx.Client(base_url=url, headers={"Sec-Fetch-Site": "same-origin"}) as browser:
        page = browser.get(address).text
        form = {"email": person["email"], "password": PASSWORD, "csrf_token": field(page, "csrf_token"), "return_to": field(page, "return_to")}
        page = browser.get(browser.post("/oauth/sign_in", data=form).headers["location"]).text
        form = {"request": field(page, "request"), "csrf_token": field(page, "csrf_token"), "decision": "allow"}
        return browser.post("/oauth/authorize", data=form).headers["location"]


def wallets(url, token):
    return httpx.get(f"{url}/v1/wallets", headers={"Authorization": f"Bearer {token}"}).status_code


def test_code_pkce_refresh_introspection_and_revocation(url, person):
    identifier, secret = register(url, person, redirect_uris=[REDIRECT])
    metadata = httpx.get(f"{url}/.well-known/oauth-authorization-server").json()
    client = OAuth2Client(identifier, secret, scope="wallets:read", redirect_uri=REDIRECT, code_challenge_method="S256")
    verifier = secrets.token_urlsafe(48)
    address, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
    back = agree(url, person, address)
    assert parse_qs(urlparse(back).query)["iss"] == [url]
    token = client.fetch_token(metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier)
    assert wallets(url, token["access_token"]) == 200
    first = token["refresh_token"]
    token = client.refresh_token(metadata["token_endpoint"], refresh_token=first)
    assert token["refresh_token"] != first
    told = client.introspect_token(metadata["introspection_endpoint"], token["access_token"], "access_token").json()
    assert told["active"] and told["username"] == person["email"]
    client.revoke_token(metadata["revocation_endpoint"], token["refresh_token"], "refresh_token")
    assert wallets(url, token["access_token"]) == 401


def test_access_tokens_verify_with_the_published_keys(url, person):
    identifier, secret = register(url, person, grant_types=["client_credentials"])
    metadata = httpx.get(f"{url}/.well-known/oauth-authorization-server").json()
    for method in ["client_secret_basic", "client_secret_post"]:
        client = OAuth2Client(identifier, secret, token_endpoint_auth_method=method)
        token = client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
        keys = KeySet.import_key_set(httpx.get(metadata["jwks_uri"]).json())
        told = jwt.decode(token["access_token"], keys, algorithms=["EdDSA"])
        assert (told.claims["iss"], told.claims["client_id"], told.header["typ"]) == (url, identifier, "at+jwt")


def test_a_signed_assertion_instead_of_a_secret(url, person):
    pair = ECKey.generate_key("P-256", {"kid": "k1"})
    key = pair.as_dict(private=False)
    identifier, none = register(url, person, authentication="private_key_jwt", grant_types=["client_credentials"], jwks={"keys": [key]})
    assert none is None
    endpoint = f"{url}/oauth/token"
    client = OAuth2Client(identifier, pair, token_endpoint_auth_method=PrivateKeyJWT(endpoint, headers={"kid": "k1"}, alg="ES256"))
    assert wallets(url, client.fetch_token(endpoint, grant_type="client_credentials")["access_token"]) == 200


def test_a_refusal_is_the_rfcs_error(url, person):
    identifier, secret = register(url, person, grant_types=["client_credentials", "refresh_token"])
    endpoint = f"{url}/oauth/token"
    with pytest.raises(OAuthError) as refused:
        OAuth2Client(identifier, "wrong").fetch_token(endpoint, grant_type="client_credentials")
    assert refused.value.error == "invalid_client"
    with pytest.raises(OAuthError) as refused:
        OAuth2Client(identifier, secret).refresh_token(endpoint, refresh_token="nonsense")
    assert refused.value.error == "invalid_grant"
