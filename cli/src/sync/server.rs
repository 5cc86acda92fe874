//! Status, metrics and the page over HTTP.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Form, Path, Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bigseg_core::integration::{Integration, IntegrationEdit, Registry, StoreText};
use bigseg_core::tasks::TaskGroup;
use bigseg_core::{Clock, Error, ErrorKind};

use super::auth::{Access, Token};
use super::{metrics, status_json, ui};
use crate::failure::Failure;

/// More than any form of ours needs.
const BODY_LIMIT: usize = 64 << 10;
/// How long whoever gives a wrong token waits for the answer.
const WRONG_TOKEN_PAUSE: Duration = Duration::from_millis(500);

/// Nothing but what this server serves itself, and nobody may frame it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const HEADERS: &[(HeaderName, &str)] = &[
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_FRAME_OPTIONS, "DENY"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Without it, browsers would not say where a form comes from.
    (REFERRER_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// What can be seen by whoever can reach the server.
const PUBLIC: &[&str] = &["/healthz", "/readyz", "/login", ui::STYLE_PATH, ui::SCRIPT_PATH];

/// What every request needs.
struct Site {
    registry: Arc<Registry>,
    access: Access,
    tasks: Arc<TaskGroup>,
}

type Fields = Form<HashMap<String, String>>;

/// Listens at an address until the group stops; returns the address with its real port.
pub(super) fn start(
    tasks: &Arc<TaskGroup>,
    registry: Arc<Registry>,
    address: SocketAddr,
    token: Option<Token>,
) -> Result<SocketAddr, Failure> {
    let failed = |e| Failure::io(format!("listening at {address}"), &e);
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let access = Access::new(address, token).map_err(failed)?;
    let site = Arc::new(Site { registry, access, tasks: tasks.clone() });
    let router = routes(site);
    let stop = tasks.token().clone();
    tasks.spawn(async move {
        let outcome = async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await }).await
        };
        if let Err(e) = outcome.await {
            anstream::eprintln!("bigseg: the server at {address} has ended: {e}");
        }
    });
    Ok(address)
}

fn routes(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/integration/{id}", get(details).post(edit))
        .route("/integration/{id}/switch", post(switch))
        .route("/integration/{id}/delete", get(confirm).post(delete))
        .route("/login", get(ask_token).post(log_in))
        .route(
            "/status",
            get(async |State(site): State<Arc<Site>>| Json(status_json::report(&site.registry, now()))),
        )
        .route(
            "/metrics",
            get(async |State(site): State<Arc<Site>>| {
                typed("text/plain; version=0.0.4", metrics::metrics(&site.registry))
            }),
        )
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route(ui::STYLE_PATH, get(async || typed("text/css; charset=utf-8", ui::STYLE.to_owned())))
        .route(ui::SCRIPT_PATH, get(async || typed("text/javascript; charset=utf-8", ui::SCRIPT.to_owned())))
        .fallback(async || missing())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(site.clone(), guard))
        .with_state(site)
}

fn now() -> i64 {
    Clock::System.unix_millis()
}

fn typed(media: &'static str, text: String) -> Response {
    ([(CONTENT_TYPE, media)], text).into_response()
}

fn said(status: StatusCode, message: &str) -> Response {
    (status, Html(ui::message(message))).into_response()
}

fn missing() -> Response {
    said(StatusCode::NOT_FOUND, "There is nothing here.")
}

/// Lets a request pass that may, and dresses whatever is answered.
async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    let is_public = PUBLIC.contains(&request.uri().path());
    let mut response = if !site.access.is_for_us(headers) {
        said(StatusCode::MISDIRECTED_REQUEST, "This server is asked for by the name localhost, or by number.")
    } else if is_change && !site.access.is_from_us(headers) {
        said(StatusCode::FORBIDDEN, "That came from a page of another site.")
    } else if !is_public && !site.access.is_let_in(headers) {
        let wants_page =
            headers.get(ACCEPT).is_some_and(|kinds| kinds.to_str().unwrap_or_default().contains("text/html"));
        match wants_page {
            true => Redirect::to("/login").into_response(),
            false => (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], "a token is needed\n")
                .into_response(),
        }
    } else {
        next.run(request).await
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn ready(State(site): State<Arc<Site>>) -> Response {
    match status_json::is_ready(&site.registry) {
        true => "every store is in sync\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "a store is not in sync\n").into_response(),
    }
}

async fn index(State(site): State<Arc<Site>>) -> Html<String> {
    Html(ui::index(&site.registry.integrations(), site.access.form_token(), now()))
}

async fn details(State(site): State<Arc<Site>>, Path(id): Path<String>) -> Response {
    match site.registry.integration(&id) {
        Some(integration) => show(&site, &integration, None),
        None => missing(),
    }
}

fn show(site: &Site, integration: &Integration, complaint: Option<&str>) -> Response {
    let status = if complaint.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    (status, Html(ui::details(integration, site.access.form_token(), complaint, now()))).into_response()
}

async fn confirm(State(site): State<Arc<Site>>, Path(id): Path<String>) -> Response {
    match site.registry.integration(&id) {
        Some(integration) => Html(ui::confirm(&integration, site.access.form_token())).into_response(),
        None => missing(),
    }
}

async fn switch(site: State<Arc<Site>>, id: Path<String>, fields: Fields) -> Response {
    let on = fields.get("on").map(String::as_str) == Some("true");
    change(site, id, fields, vec![IntegrationEdit::On(on)], false).await
}

async fn edit(site: State<Arc<Site>>, id: Path<String>, fields: Fields) -> Response {
    let field = |name: &str| fields.get(name).map(|text| text.trim().to_owned());
    let mut edits = Vec::new();
    edits.extend(field("name").map(IntegrationEdit::Name));
    edits.extend(field("store").map(|text| IntegrationEdit::Store(StoreText(text))));
    change(site, id, fields, edits, true).await
}

async fn delete(site: State<Arc<Site>>, id: Path<String>, fields: Fields) -> Response {
    change(site, id, fields, vec![IntegrationEdit::Delete], false).await
}

/// Carries a change out, and goes back to where one sees it.
async fn change(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    Form(fields): Fields,
    edits: Vec<IntegrationEdit>,
    stays: bool,
) -> Response {
    if !site.access.is_own_form(fields.get("form_token").map(String::as_str).unwrap_or_default()) {
        return said(
            StatusCode::FORBIDDEN,
            "That form is out of date; go back, reload the page and try again.",
        );
    }
    let back = if stays { format!("/integration/{id}") } else { "/".to_owned() };
    let (registry, edited) = (site.registry.clone(), id.clone());
    let outcome = site.tasks.call(move || registry.edit(&edited, &edits)).await;
    let outcome = outcome
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "carrying out the change was cut short")));
    match (outcome, site.registry.integration(&id)) {
        (Ok(()), _) => Redirect::to(&back).into_response(),
        (Err(e), Some(integration)) => show(&site, &integration, Some(e.message())),
        (Err(_), None) => missing(),
    }
}

async fn ask_token() -> Html<String> {
    Html(ui::login(None))
}

async fn log_in(State(site): State<Arc<Site>>, Form(fields): Fields) -> Response {
    let token = fields.get("token").map(String::as_str).unwrap_or_default();
    match site.access.log_in(token.trim()) {
        Some(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        None => {
            let until = Clock::System.now().after(WRONG_TOKEN_PAUSE);
            site.tasks.runtime().sleep_until(&Clock::System, until).await;
            (StatusCode::FORBIDDEN, Html(ui::login(Some("That is not the token.")))).into_response()
        }
    }
}
