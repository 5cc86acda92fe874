//! The HTTP server: status, metrics, health checks and the web page.

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
use bigseg::__internal::tasks::TaskGroup;
use bigseg::integration::{Integration, IntegrationEdit, Registry, StoreText};
use bigseg::{Clock, Error, ErrorKind};
use maud::Markup;

use super::auth::{Auth, Token};
use super::{metrics, status_json, ui};
use crate::failure::Failure;

/// The longest body of a request, in bytes: more than any form of the page needs.
const BODY_LIMIT: usize = 64 << 10;
/// The delay of the response to a wrong token.
const WRONG_TOKEN_DELAY: Duration = Duration::from_millis(500);

/// The browser loads only what this server serves, and no other page may frame it.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const HEADERS: &[(HeaderName, &str)] = &[
    (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (X_FRAME_OPTIONS, "DENY"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With "no-referrer", browsers would send `Origin: null` with the forms of the page.
    (REFERRER_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// The paths that need no token.
const PUBLIC: &[&str] = &["/healthz", "/readyz", "/login", ui::STYLE_PATH, ui::SCRIPT_PATH];

/// The state that every handler shares.
struct AppState {
    registry: Arc<Registry>,
    auth: Auth,
    tasks: Arc<TaskGroup>,
}

type App = State<Arc<AppState>>;
type Fields = Form<HashMap<String, String>>;

/// Listens at an address until the group is cancelled; returns the address with its actual port.
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
    let auth = Auth::new(address, token).map_err(failed)?;
    let router = router(Arc::new(AppState { registry, auth, tasks: tasks.clone() }));
    let cancelled = tasks.token().clone().cancelled_owned();
    tasks.spawn(async move {
        let served = async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).with_graceful_shutdown(cancelled).await
        };
        if let Err(e) = served.await {
            anstream::eprintln!("bigseg: the server at {address} has ended: {e}");
        }
    });
    Ok(address)
}

fn router(state: Arc<AppState>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/integration/{id}", get(details).post(edit))
        .route("/integration/{id}/switch", post(switch))
        .route("/integration/{id}/delete", get(confirm_delete).post(delete))
        .route("/login", get(login_page).post(log_in))
        .route("/status", get(status))
        .route("/metrics", get(prometheus_metrics))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route(ui::STYLE_PATH, get(async || asset("text/css; charset=utf-8", ui::STYLE)))
        .route(ui::SCRIPT_PATH, get(async || asset("text/javascript; charset=utf-8", ui::SCRIPT)))
        .fallback(async || not_found())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(state.clone(), check_request))
        .with_state(state)
}

fn now() -> i64 {
    Clock::System.unix_millis()
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, content_type)], text).into_response()
}

fn html(markup: Markup) -> Html<String> {
    Html(markup.into_string())
}

fn message_page(status: StatusCode, message: &str) -> Response {
    (status, html(ui::message(message))).into_response()
}

fn not_found() -> Response {
    message_page(StatusCode::NOT_FOUND, "There is no page at this address.")
}

/// Rejects forged and unauthenticated requests, and adds the security headers to every response.
async fn check_request(State(app): App, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    let is_public = PUBLIC.contains(&request.uri().path());
    let mut response = if !app.auth.has_own_host(headers) {
        let message = "This server is addressed by the name localhost, or by its IP address.";
        message_page(StatusCode::MISDIRECTED_REQUEST, message)
    } else if is_change && !app.auth.is_same_origin(headers) {
        message_page(StatusCode::FORBIDDEN, "The request came from a page of another site.")
    } else if !is_public && !app.auth.is_authenticated(headers) {
        let accept = headers.get(ACCEPT).map(|kinds| kinds.to_str().unwrap_or_default());
        if accept.is_some_and(|kinds| kinds.contains("text/html")) {
            Redirect::to("/login").into_response()
        } else {
            let challenge = [(WWW_AUTHENTICATE, "Bearer")];
            (StatusCode::UNAUTHORIZED, challenge, "a token is required\n").into_response()
        }
    } else {
        next.run(request).await
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn status(State(app): App) -> Response {
    Json(status_json::report(&app.registry, now())).into_response()
}

async fn prometheus_metrics(State(app): App) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::metrics(&app.registry)).into_response()
}

async fn ready(State(app): App) -> Response {
    if status_json::is_ready(&app.registry) {
        "every store is in sync\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "a store is not in sync\n").into_response()
    }
}

async fn index(State(app): App) -> Html<String> {
    html(ui::index(&app.registry.integrations(), app.auth.form_token(), now()))
}

async fn details(State(app): App, Path(id): Path<String>) -> Response {
    match app.registry.integration(&id) {
        Some(integration) => details_page(&app, &integration, None),
        None => not_found(),
    }
}

fn details_page(app: &AppState, integration: &Integration, error: Option<&str>) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    (status, html(ui::details(integration, app.auth.form_token(), error, now()))).into_response()
}

async fn confirm_delete(State(app): App, Path(id): Path<String>) -> Response {
    match app.registry.integration(&id) {
        Some(integration) => html(ui::confirm_delete(&integration, app.auth.form_token())).into_response(),
        None => not_found(),
    }
}

async fn switch(app: App, Path(id): Path<String>, fields: Fields) -> Response {
    let on = fields.get("on").map(String::as_str) == Some("true");
    change(app, id, fields, vec![IntegrationEdit::On(on)], "/").await
}

async fn edit(app: App, Path(id): Path<String>, fields: Fields) -> Response {
    let field = |name: &str| fields.get(name).map(|text| text.trim().to_owned());
    let mut edits = Vec::new();
    edits.extend(field("name").map(IntegrationEdit::Name));
    edits.extend(field("store").map(|text| IntegrationEdit::Store(StoreText(text))));
    let details = format!("/integration/{id}");
    change(app, id, fields, edits, &details).await
}

async fn delete(app: App, Path(id): Path<String>, fields: Fields) -> Response {
    change(app, id, fields, vec![IntegrationEdit::Delete], "/").await
}

/// Applies edits, and redirects to the page that shows the result.
async fn change(
    State(app): App,
    id: String,
    Form(fields): Fields,
    edits: Vec<IntegrationEdit>,
    redirect_to: &str,
) -> Response {
    if !app.auth.is_own_form(fields.get("form_token").map(String::as_str).unwrap_or_default()) {
        let message = "The form is out of date; go back, reload the page and try again.";
        return message_page(StatusCode::FORBIDDEN, message);
    }
    let registry = app.registry.clone();
    let edited = id.clone();
    let result = app.tasks.call(move || registry.edit(&edited, &edits)).await;
    let result =
        result.unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "the change panicked; see the log")));
    match (result, app.registry.integration(&id)) {
        (Ok(()), _) => Redirect::to(redirect_to).into_response(),
        (Err(e), Some(integration)) => details_page(&app, &integration, Some(e.message())),
        (Err(_), None) => not_found(),
    }
}

async fn login_page() -> Html<String> {
    html(ui::login(None))
}

async fn log_in(State(app): App, Form(fields): Fields) -> Response {
    let token = fields.get("token").map(String::as_str).unwrap_or_default();
    match app.auth.log_in(token.trim()) {
        Some(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        None => {
            let until = Clock::System.now().after(WRONG_TOKEN_DELAY);
            app.tasks.runtime().sleep_until(&Clock::System, until).await;
            (StatusCode::FORBIDDEN, html(ui::login(Some("That is not the token.")))).into_response()
        }
    }
}
