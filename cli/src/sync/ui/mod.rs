//! The page for people: works without JavaScript, which only refreshes it.

use std::fmt::Write;
use std::sync::Arc;

use bigseg_core::integration::{Integration, IntegrationState, IntegrationStatus};
use bigseg_core::sync::SyncError;

use crate::output::count;
use crate::timestamp;

pub(super) const STYLE_PATH: &str = "/page.css";
pub(super) const STYLE: &str = include_str!("page.css");
pub(super) const SCRIPT_PATH: &str = "/page.js";
pub(super) const SCRIPT: &str = include_str!("page.js");

/// The frame of every page, with a place for its title and one for its content.
const FRAME: &str = include_str!("page.html");
const TITLE_PLACE: &str = "<!-- title -->";
const CONTENT_PLACE: &str = "<!-- content -->";

/// Makes text harmless anywhere in HTML, between tags and within quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Puts content, which is HTML, into the frame.
fn framed(title: &str, content: &str) -> String {
    let (begin, rest) = FRAME.split_once(TITLE_PLACE).expect("the frame has a place for the title");
    let (middle, end) = rest.split_once(CONTENT_PLACE).expect("the frame has a place for the content");
    [begin, &escape(title), middle, content, end].concat()
}

/// Says one sentence.
pub(super) fn message(text: &str) -> String {
    framed(
        "bigseg sync",
        &format!(
            "<h1>bigseg sync</h1>\n<p role=\"alert\">{}</p>\n<p><a href=\"/\">All integrations</a></p>",
            escape(text)
        ),
    )
}

/// Asks for the token.
pub(super) fn login(complaint: Option<&str>) -> String {
    let content = format!(
        "<h1>Log in</h1>\n{}<form method=\"post\" action=\"/login\">\
         <p><label for=\"token\">Token</label><input id=\"token\" name=\"token\" type=\"password\" autocomplete=\"current-password\" required></p>\
         <p><button>Log in</button></p></form>",
        alert(complaint)
    );
    framed("Log in", &content)
}

fn alert(complaint: Option<&str>) -> String {
    complaint.map_or_else(String::new, |text| {
        format!("<p role=\"alert\" class=\"failing\">{}</p>\n", escape(text))
    })
}

fn place(id: &str) -> String {
    // Ids are letters, digits, - _ and . only.
    format!("/integration/{}", escape(id))
}

/// Says how an integration is doing; an error is opened by its link.
fn state(id: &str, status: &IntegrationStatus) -> String {
    let progress = status.progress;
    match status.state {
        IntegrationState::Healthy => "<span class=\"healthy\">Healthy</span>".to_owned(),
        IntegrationState::Failing => {
            format!("<a class=\"failing\" href=\"{}#errors\">See error</a>", place(id))
        }
        IntegrationState::Initializing => format!(
            "<span class=\"initializing\">Initializing</span> <small>{} patches, {} operations, {}/s</small>",
            count(progress.patches),
            count(progress.operations),
            count(progress.operations_per_second)
        ),
        _ => "<span class=\"off\">Off</span>".to_owned(),
    }
}

/// Writes a point in time, relative and absolute.
fn time(at: Option<i64>, now: i64) -> String {
    at.map_or_else(
        || "never".to_owned(),
        |at| format!("{} <small>{}</small>", timestamp::ago(at, now), timestamp::utc(at)),
    )
}

/// Makes a button that turns an integration on or off.
fn switch(id: &str, name: &str, on: bool, form_token: &str) -> String {
    format!(
        "<form method=\"post\" action=\"{}/switch\"><input type=\"hidden\" name=\"form_token\" value=\"{form_token}\">\
         <input type=\"hidden\" name=\"on\" value=\"{}\"><button id=\"switch-{}\" aria-label=\"{} {}\">{}</button></form>",
        place(id),
        !on,
        escape(id),
        if on { "Turn off" } else { "Turn on" },
        escape(name),
        if on { "Turn off" } else { "Turn on" },
    )
}

/// Shows all integrations.
pub(super) fn index(integrations: &[Arc<Integration>], form_token: &str, now: i64) -> String {
    let mut rows = String::new();
    for integration in integrations {
        let (definition, status) = (integration.definition(), integration.status());
        let id = escape(&definition.id);
        // Writing into a text cannot fail.
        let _ = writeln!(
            rows,
            "<tr role=\"row\"><th role=\"rowheader\" scope=\"row\"><a id=\"name-{id}\" href=\"{}\">{}</a> <small>{} / {}</small></th>\
             <td role=\"cell\" data-label=\"State\" data-live id=\"state-{id}\">{}</td>\
             <td role=\"cell\" data-label=\"Last successful sync\" data-live id=\"sync-{id}\">{}</td>\
             <td role=\"cell\" data-label=\"Change\" data-live id=\"change-{id}\">{}</td></tr>",
            place(&definition.id),
            escape(&definition.name),
            escape(&definition.project),
            escape(&definition.environment),
            state(&definition.id, &status),
            time(status.last_synchronized, now),
            switch(&definition.id, &definition.name, definition.on, form_token),
        );
    }
    if rows.is_empty() {
        rows = "<tr role=\"row\"><td role=\"cell\" colspan=\"4\">The file defines no integrations.</td></tr>"
            .to_owned();
    }
    let content = format!(
        "<h1>Persistent store integrations</h1>\n<table role=\"table\"><caption class=\"unseen\">Integrations, their state and their last successful sync</caption>\n\
         <thead role=\"rowgroup\"><tr role=\"row\"><th role=\"columnheader\" scope=\"col\">Configuration</th><th role=\"columnheader\" scope=\"col\">State</th>\
         <th role=\"columnheader\" scope=\"col\">Last successful sync</th><th role=\"columnheader\" scope=\"col\">Change</th></tr></thead>\n\
         <tbody role=\"rowgroup\" id=\"integrations\">\n{rows}</tbody></table>"
    );
    framed("Persistent store integrations", &content)
}

/// Shows one integration: its state, what can be changed, its error log.
pub(super) fn details(
    integration: &Integration,
    form_token: &str,
    complaint: Option<&str>,
    now: i64,
) -> String {
    let (definition, status) = (integration.definition(), integration.status());
    let (id, name) = (escape(&definition.id), escape(&definition.name));
    let content = format!(
        "<p><a href=\"/\">All integrations</a></p>\n<h1>{name}</h1>\n{alert}\
         <dl><dt>Project / environment</dt><dd>{project} / {environment}</dd>\
         <dt>State</dt><dd data-live id=\"state-{id}\">{state}</dd>\
         <dt>Last successful sync</dt><dd data-live id=\"sync-{id}\">{time}</dd></dl>\n\
         <div data-live id=\"change-{id}\">{switch}</div>\n\
         <h2>Change</h2>\n<form method=\"post\" action=\"{place}\"><input type=\"hidden\" name=\"form_token\" value=\"{form_token}\">\
         <p><label for=\"name\">Name</label><input id=\"name\" name=\"name\" value=\"{name}\" maxlength=\"200\" required></p>\
         <p><label for=\"store\">Store</label><input id=\"store\" name=\"store\" value=\"{store}\" autocomplete=\"off\" spellcheck=\"false\" aria-describedby=\"store-hint\" required></p>\
         <p id=\"store-hint\"><small>Passwords are not shown. Leave them out to keep them; after a change of servers they must be given again.</small></p>\
         <p><button>Save</button></p></form>\n\
         <p><a class=\"failing\" href=\"{place}/delete\">Delete this integration</a></p>\n\
         <h2 id=\"errors\">Error log</h2>\n<div data-live id=\"log-{id}\">{log}</div>",
        alert = alert(complaint),
        project = escape(&definition.project),
        environment = escape(&definition.environment),
        state = state(&definition.id, &status),
        time = time(status.last_synchronized, now),
        switch = switch(&definition.id, &definition.name, definition.on, form_token),
        place = place(&definition.id),
        store = escape(&definition.store.to_string()),
        log = error_log(&integration.error_log(), now),
    );
    framed(&definition.name, &content)
}

fn error_log(errors: &[SyncError], now: i64) -> String {
    if errors.is_empty() {
        return "<p>Nothing has failed.</p>".to_owned();
    }
    let mut rows = String::new();
    for error in errors {
        let code = error
            .status_code
            .map_or_else(|| error.kind.name().to_owned(), |code| format!("{code} {}", error.kind));
        let times = if error.times > 1 {
            format!(" <small>{} times</small>", count(error.times))
        } else {
            String::new()
        };
        let _ = writeln!(
            rows,
            "<tr role=\"row\"><td role=\"cell\" data-label=\"Time\">{}{times}</td><td role=\"cell\" data-label=\"Code\">{}</td><td role=\"cell\" data-label=\"Message\">{}</td></tr>",
            time(Some(error.timestamp), now),
            escape(&code),
            escape(&error.message),
        );
    }
    format!(
        "<table role=\"table\"><caption class=\"unseen\">Errors, newest first</caption><thead role=\"rowgroup\"><tr role=\"row\"><th role=\"columnheader\" scope=\"col\">Time</th>\
         <th role=\"columnheader\" scope=\"col\">Code</th><th role=\"columnheader\" scope=\"col\">Message</th></tr></thead><tbody role=\"rowgroup\">\n{rows}</tbody></table>"
    )
}

/// Asks whether an integration is really to be deleted.
pub(super) fn confirm(integration: &Integration, form_token: &str) -> String {
    let definition = integration.definition();
    let content = format!(
        "<h1>Delete {name}?</h1>\n<p>It is removed from the file and its store is no longer kept up to date. What the store holds stays there.</p>\n\
         <form method=\"post\" action=\"{place}/delete\"><input type=\"hidden\" name=\"form_token\" value=\"{form_token}\">\
         <p><button class=\"failing\">Delete {name}</button> <a href=\"{place}\">Keep it</a></p></form>",
        name = escape(&definition.name),
        place = place(&definition.id),
    );
    framed(&format!("Delete {}?", definition.name), &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_its_place() {
        assert_eq!(escape("<a href='x\">&"), "&lt;a href=&#39;x&quot;&gt;&amp;");
        let page = message(&format!("{CONTENT_PLACE}{TITLE_PLACE}<script>"));
        assert!(page.contains("&lt;!-- content --&gt;&lt;!-- title --&gt;&lt;script&gt;"), "{page}");
    }
}
