//! Authenticates requests to the HTTP server, and recognises requests that other sites forge.

use std::io;
use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use subtle::ConstantTimeEq;

const SESSION_COOKIE: &str = "bigseg_session";
const MIN_TOKEN_LENGTH: usize = 16;

/// The access token: a secret.
pub(crate) struct Token(String);

impl Token {
    /// Returns a token, unless the text is too short or not valid in an HTTP header.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let is_valid = text.len() >= MIN_TOKEN_LENGTH && text.bytes().all(|b| b.is_ascii_graphic());
        is_valid.then(|| Self(text.to_owned()))
    }
}

/// Checks requests. Its random secrets end with the process.
pub(super) struct Auth {
    token: Option<Token>,
    is_loopback: bool,
    /// The value of the cookie that a login sets.
    session: String,
    /// The hidden field of every form, without which a form is rejected (CSRF).
    form_token: String,
}

impl Auth {
    pub(super) fn new(address: SocketAddr, token: Option<Token>) -> io::Result<Self> {
        Ok(Self {
            token,
            is_loopback: address.ip().is_loopback(),
            session: random_hex()?,
            form_token: random_hex()?,
        })
    }

    /// Returns the value for the hidden field of a form.
    pub(super) fn form_token(&self) -> &str {
        &self.form_token
    }

    /// Returns whether a form comes from a page of this server.
    pub(super) fn is_own_form(&self, token: &str) -> bool {
        is_equal(token, &self.form_token)
    }

    /// Returns whether the `Host` of a request names this server.
    ///
    /// Another site may resolve its own name to this machine (DNS rebinding); its requests have
    /// that name. A server that needs a token does not depend on this check.
    pub(super) fn has_own_host(&self, headers: &HeaderMap) -> bool {
        if !self.is_loopback {
            return true;
        }
        let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
        let name = match host.strip_prefix('[') {
            Some(numeric) => numeric.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// Returns whether a request comes from a page of this server, according to the browser.
    pub(super) fn is_same_origin(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let host = text(HOST.as_str()).unwrap_or_default();
        match (text(ORIGIN.as_str()), text("sec-fetch-site")) {
            (Some(origin), _) => origin.split_once("://").is_some_and(|(_, authority)| authority == host),
            (None, Some(site)) => site == "same-origin",
            // Not a browser. The form token is still checked.
            (None, None) => true,
        }
    }

    /// Returns whether a request has the token or the cookie of a login, or needs neither.
    pub(super) fn is_authenticated(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let bearer =
            headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let mut cookies = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='));
        bearer.is_some_and(|bearer| is_equal(bearer, &token.0))
            || cookies.any(|(name, value)| name == SESSION_COOKIE && is_equal(value, &self.session))
    }

    /// Returns the session cookie if the token is right.
    pub(super) fn log_in(&self, token: &str) -> Option<String> {
        let is_right = self.token.as_ref().is_some_and(|known| is_equal(token, &known.0));
        is_right.then(|| format!("{SESSION_COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", self.session))
    }
}

/// Compares two secrets in constant time.
fn is_equal(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Returns 256 random bits as hexadecimal digits.
fn random_hex() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::from)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn auth(address: &str, token: Option<&str>) -> Auth {
        Auth::new(address.parse().unwrap(), token.map(|token| Token::new(token).unwrap())).unwrap()
    }

    #[test]
    fn a_loopback_server_accepts_only_its_own_names() {
        let local = auth("127.0.0.1:80", None);
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:80", "127.9.9.9", "[::1]:80", "[::1]"] {
            assert!(local.has_own_host(&headers(&[("host", host)])), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""] {
            assert!(!local.has_own_host(&headers(&[("host", host)])), "{host}");
        }
        assert!(!local.has_own_host(&headers(&[])));
    }

    #[test]
    fn changes_come_from_pages_of_the_same_origin() {
        let local = auth("127.0.0.1:80", None);
        let from = |pairs: &[(&'static str, &str)]| {
            local.is_same_origin(&headers(&[&[("host", "localhost:80")], pairs].concat()))
        };
        assert!(from(&[("origin", "http://localhost:80")]) && from(&[("sec-fetch-site", "same-origin")]));
        for origin in
            ["http://evil.example", "null", "", "http://localhost:81", "http://localhost:80.evil.example"]
        {
            assert!(!from(&[("origin", origin), ("sec-fetch-site", "same-origin")]), "{origin}");
        }
        assert!(!from(&[("sec-fetch-site", "cross-site")]) && !from(&[("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn a_token_is_required_if_one_is_configured() {
        let open = auth("0.0.0.0:80", Some("0123456789abcdef"));
        assert!(!open.is_authenticated(&headers(&[])));
        assert!(open.is_authenticated(&headers(&[("authorization", "Bearer 0123456789abcdef")])));
        for wrong in ["Bearer 0123456789abcdeX", "Bearer ", "0123456789abcdef", "Bearer 0123456789abcdef0"] {
            assert!(!open.is_authenticated(&headers(&[("authorization", wrong)])), "{wrong}");
        }
        assert!(open.log_in("0123456789abcdeX").is_none());
        let cookie = open.log_in("0123456789abcdef").unwrap();
        let cookie = cookie.split(';').next().unwrap();
        assert!(open.is_authenticated(&headers(&[("cookie", &format!("a=b; {cookie}"))])));
        assert!(!open.is_authenticated(&headers(&[("cookie", "bigseg_session=")])));
        assert!(!cookie.contains("0123456789abcdef") && Token::new("short").is_none());
        assert_ne!(random_hex().unwrap(), random_hex().unwrap());
    }
}
