//! What the shop needs to know to sign its users in with an OpenID Connect issuer.
//!
//! In AWS these settings are variables of the API's stage, which API Gateway adds to each request. They
//! cannot be environment variables of the functions: the client id of the template's user pool is known
//! only after the CDN, which needs the API, which needs the functions. The local server adds the same
//! variables to its requests.

use std::collections::HashMap;

use lambda_http::http::Uri;
use serde_json::{Value, json};

use crate::oidc::{InvalidIssuer, Issuer};

/// The stage variables.
const ISSUER: &str = "signInIssuer";
/// Also the audience of the ID tokens, if the template's user pool is the issuer.
pub(crate) const CLIENT_ID: &str = "signInClientId";
const SCOPES: &str = "signInScopes";
const TOKEN_ORIGIN: &str = "signInTokenOrigin";

/// The scopes if none are set. Separated by commas, because a stage variable must not contain spaces.
pub const DEFAULT_SCOPES: &str = "openid";

/// Why the settings are not valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSignIn {
    #[error(transparent)]
    Issuer(#[from] InvalidIssuer),
    #[error("the scopes must be separated by commas and include openid")]
    Scopes,
    #[error("the token origin must be like https://id.example.com (http only on this machine)")]
    TokenOrigin,
}

/// The client of an issuer that the shop is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignIn {
    issuer: String,
    client_id: String,
    scopes: String,
    /// The origin of the issuer's token endpoint, if it is not that of the issuer.
    token_origin: Option<String>,
}

impl SignIn {
    /// The settings of a client. `scopes` are separated by commas.
    pub fn new(
        issuer: &str,
        client_id: &str,
        scopes: &str,
        token_origin: Option<&str>,
    ) -> Result<Self, InvalidSignIn> {
        // A client id is the audience of its ID tokens.
        let checked = Issuer::new(issuer, client_id)?;
        let is_scope = |scope: &str| {
            let allowed = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\');
            !scope.is_empty() && scope.chars().all(allowed)
        };
        let mut each = scopes.split(',');
        if !each.clone().all(is_scope) || !each.any(|scope| scope == "openid") {
            return Err(InvalidSignIn::Scopes);
        }
        let is_origin = |origin: &&str| origin_of(origin).as_deref() == Some(*origin);
        if !token_origin.iter().all(is_origin) {
            return Err(InvalidSignIn::TokenOrigin);
        }
        Ok(Self {
            issuer: checked.url().to_owned(),
            client_id: client_id.to_owned(),
            scopes: scopes.to_owned(),
            token_origin: token_origin.map(str::to_owned),
        })
    }

    /// The settings as stage variables.
    #[must_use]
    pub fn to_stage_variables(&self) -> HashMap<String, String> {
        let mut variables = HashMap::from([
            (ISSUER.to_owned(), self.issuer.clone()),
            (CLIENT_ID.to_owned(), self.client_id.clone()),
            (SCOPES.to_owned(), self.scopes.clone()),
        ]);
        if let Some(origin) = &self.token_origin {
            variables.insert(TOKEN_ORIGIN.to_owned(), origin.clone());
        }
        variables
    }

    /// Reads the settings from stage variables. `None`: the shop does not sign users in.
    pub(crate) fn of_stage<'a>(
        variable: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<Result<Self, InvalidSignIn>> {
        Some(Self::new(
            variable(ISSUER)?,
            variable(CLIENT_ID)?,
            variable(SCOPES).unwrap_or(DEFAULT_SCOPES),
            variable(TOKEN_ORIGIN),
        ))
    }

    /// The settings for the shop's page. None of them is secret.
    #[must_use]
    pub fn for_page(&self) -> Value {
        json!({
            "issuer": self.issuer,
            "clientId": self.client_id,
            "scope": self.scopes.replace(',', " "),
        })
    }

    /// The origins that the shop's page connects to: those of the issuer and of its token endpoint.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        let mut origins = Vec::from_iter(origin_of(&self.issuer));
        let others = self.token_origin.iter();
        origins.extend(
            others
                .filter(|it| !origins.contains(it))
                .cloned()
                .collect::<Vec<_>>(),
        );
        origins
    }
}

/// The origin of a URL that an issuer may have. `None` also if it could end a source expression of a
/// content security policy.
fn origin_of(url: &str) -> Option<String> {
    let is_valid = Issuer::new(url, "any").is_ok();
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?.as_str();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let origin = format!("{}://{authority}", uri.scheme_str()?);
    (is_valid && authority.chars().all(is_plain)).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "https://cognito-idp.ap-northeast-2.amazonaws.com/ap-northeast-2_abc";

    #[test]
    fn the_settings_must_be_those_of_a_public_client() {
        let with = |scopes, origin| SignIn::new(POOL, "client", scopes, origin).map(|_| ());
        assert_eq!(with("openid", None), Ok(()));
        assert_eq!(with("openid,email,offline_access", None), Ok(()));
        for scopes in ["", "email", "openid email", "openid,", "openid,\"a"] {
            assert_eq!(with(scopes, None), Err(InvalidSignIn::Scopes), "{scopes}");
        }
        for origin in [
            "https://box.auth.ap-northeast-2.amazoncognito.com",
            "https://id.example.com:8443",
            "http://127.0.0.1:9000",
        ] {
            assert_eq!(with("openid", Some(origin)), Ok(()), "{origin}");
        }
        for origin in [
            "",
            "*",
            "https:",
            "http://id.example.com",
            "https://id.example.com/",
            "https://id.example.com/token",
            "https://id.example.com; script-src *",
            "https://a,https://b",
            "https://a;b",
        ] {
            let refused = with("openid", Some(origin));
            assert_eq!(refused, Err(InvalidSignIn::TokenOrigin), "{origin}");
        }
        let plain = SignIn::new("http://id.example.com", "client", "openid", None);
        assert_eq!(plain, Err(InvalidSignIn::Issuer(InvalidIssuer::Url)));
    }

    #[test]
    fn the_settings_survive_as_stage_variables() {
        for origin in [None, Some("https://box.example.com")] {
            let sign_in = SignIn::new(POOL, "client", "openid,email", origin).unwrap();
            let variables = sign_in.to_stage_variables();
            let read = SignIn::of_stage(|name| variables.get(name).map(String::as_str));
            assert_eq!(read, Some(Ok(sign_in)));
        }
        assert_eq!(SignIn::of_stage(|_| None), None);
    }

    #[test]
    fn the_page_may_connect_to_issuer_and_token_endpoint() {
        let origins = |origin| {
            let sign_in = SignIn::new(POOL, "client", "openid", origin).unwrap();
            sign_in.origins()
        };
        let issuer = "https://cognito-idp.ap-northeast-2.amazonaws.com";
        assert_eq!(origins(None), [issuer]);
        assert_eq!(origins(Some(issuer)), [issuer]);
        let other = "https://box.auth.ap-northeast-2.amazoncognito.com";
        assert_eq!(origins(Some(other)), [issuer, other]);
    }
}
