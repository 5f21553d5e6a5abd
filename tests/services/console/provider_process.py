"""A provider of OpenID Connect that insists on PKCE: ``python -m tests.services.console.provider_process PORT``."""

import base64
import hashlib
import os
import sys
import warnings
from typing import Any

import flask

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # it is called on this machine alone
warnings.simplefilter("ignore")  # the package uses what its own libraries will drop

from oidc_provider_mock import _app, app  # noqa: E402 - both lines above count while it is imported

_told = _app.OpenIDCode.generate_user_info


def _in_token(self: Any, user: Any, scope: str) -> Any:
    """Put no more than the subject into the token of people whose other claims are returned only when asked for."""
    return {"sub": user.sub} if user.claims.get("is_short") else _told(self, user, scope)


_app.OpenIDCode.generate_user_info = _in_token


def main(port: int) -> None:
    """Serve until ended."""
    web, challenges = app(), set[str]()

    def insist() -> tuple[dict[str, str], int] | None:
        given = flask.request
        if given.path == "/oauth2/authorize":
            if given.args.get("code_challenge_method") != "S256" or not given.args.get("code_challenge"):
                return {"error": "invalid_request"}, 400
            challenges.add(given.args["code_challenge"])
        if given.path == "/oauth2/token":
            digest = hashlib.sha256(given.form.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if challenge not in challenges:
                return {"error": "invalid_grant", "error_description": "the code verifier is wrong"}, 400
            challenges.remove(challenge)
        return None

    web.before_request(insist)
    web.run("127.0.0.1", port, threaded=True, use_reloader=False, debug=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
