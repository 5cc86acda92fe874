//! Who is let in, and which requests come from a page of ours.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};

const SESSION_COOKIE: &str = "bigseg_session";
const TOKEN_LENGTH: usize = 16;

/// What one gets in with: a secret.
pub(crate) struct Token(String);

impl Token {
    /// Takes a token, unless it is too short to be one, or holds what no header can.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let is_good = text.len() >= TOKEN_LENGTH && text.bytes().all(|b| b.is_ascii_graphic());
        is_good.then(|| Self(text.to_owned()))
    }
}

/// Decides about requests.
pub(super) struct Access {
    token: Option<Token>,
    is_loopback: bool,
    /// What the cookie of those who have logged in holds, and what every form of ours does; both end with the process.
    session: String,
    form: String,
}

impl Access {
    pub(super) fn new(address: SocketAddr, token: Option<Token>) -> io::Result<Self> {
        Ok(Self { token, is_loopback: address.ip().is_loopback(), session: random()?, form: random()? })
    }

    /// Returns what a form must hold, or it is not one of ours.
    pub(super) fn form_token(&self) -> &str {
        &self.form
    }

    /// Returns whether a form is one of ours.
    pub(super) fn is_own_form(&self, token: &str) -> bool {
        is_same(token, &self.form)
    }

    /// Returns whether a request is meant for this server. A page elsewhere may have had its own name resolved to this machine;
    /// then the browser still says that name. Where a token is needed nothing depends on that.
    pub(super) fn is_for_us(&self, headers: &HeaderMap) -> bool {
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

    /// Returns whether a request that changes something comes from a page of this server, as far as the browser says.
    pub(super) fn is_from_us(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let host = text(HOST.as_str()).unwrap_or_default();
        match (text(ORIGIN.as_str()), text("sec-fetch-site")) {
            (Some(origin), _) => origin.split_once("://").is_some_and(|(_, place)| place == host),
            (None, Some(site)) => site == "same-origin",
            // No browser; the form's own token is looked at all the same.
            (None, None) => true,
        }
    }

    /// Returns whether whoever asks may see what there is.
    pub(super) fn is_let_in(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let bearer =
            headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let mut cookies = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='));
        bearer.is_some_and(|bearer| is_same(bearer, &token.0))
            || cookies.any(|(name, value)| name == SESSION_COOKIE && is_same(value, &self.session))
    }

    /// Returns the cookie for whoever knows the token.
    pub(super) fn log_in(&self, token: &str) -> Option<String> {
        let is_known = self.token.as_ref().is_some_and(|known| is_same(token, &known.0));
        is_known.then(|| format!("{SESSION_COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", self.session))
    }
}

/// Compares in a time that does not depend on where the two differ.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// Draws 256 bits that nobody can guess.
fn random() -> io::Result<String> {
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn access(address: &str, token: Option<&str>) -> Access {
        Access::new(address.parse().unwrap(), token.map(|token| Token::new(token).unwrap())).unwrap()
    }

    #[test]
    fn on_this_machine_only_its_own_names_are_answered() {
        let local = access("127.0.0.1:80", None);
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:80", "127.9.9.9", "[::1]:80", "[::1]"] {
            assert!(local.is_for_us(&headers(&[("host", host)])), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""] {
            assert!(!local.is_for_us(&headers(&[("host", host)])), "{host}");
        }
        assert!(!local.is_for_us(&headers(&[])));
    }

    #[test]
    fn changes_come_from_pages_of_ours() {
        let local = access("127.0.0.1:80", None);
        let from = |pairs: &[(&'static str, &str)]| {
            local.is_from_us(&headers(&[&[("host", "localhost:80")], pairs].concat()))
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
    fn a_token_is_asked_for_where_there_is_one() {
        let open = access("0.0.0.0:80", Some("0123456789abcdef"));
        assert!(!open.is_let_in(&headers(&[])));
        assert!(open.is_let_in(&headers(&[("authorization", "Bearer 0123456789abcdef")])));
        for wrong in ["Bearer 0123456789abcdeX", "Bearer ", "0123456789abcdef", "Bearer 0123456789abcdef0"] {
            assert!(!open.is_let_in(&headers(&[("authorization", wrong)])), "{wrong}");
        }
        assert!(open.log_in("0123456789abcdeX").is_none());
        let cookie = open.log_in("0123456789abcdef").unwrap();
        let cookie = cookie.split(';').next().unwrap();
        assert!(open.is_let_in(&headers(&[("cookie", &format!("a=b; {cookie}"))])));
        assert!(!open.is_let_in(&headers(&[("cookie", "bigseg_session=")])));
        assert!(!cookie.contains("0123456789abcdef") && Token::new("short").is_none());
        assert_ne!(random().unwrap(), random().unwrap());
    }
}
