//! The web page: it works without JavaScript, which only refreshes it.
//!
//! Every value goes through maud, which escapes it.

use std::sync::Arc;

use bigseg::integration::{Integration, IntegrationState, IntegrationStatus};
use bigseg::sync::SyncFailure;
use maud::{DOCTYPE, Markup, html};

use crate::output::count;
use crate::timestamp;

pub(super) const STYLE_PATH: &str = "/page.css";
pub(super) const STYLE: &str = include_str!("page.css");
pub(super) const SCRIPT_PATH: &str = "/page.js";
pub(super) const SCRIPT: &str = include_str!("page.js");

/// The frame of every page.
fn page(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href=(STYLE_PATH);
                script src=(SCRIPT_PATH) defer {}
            }
            body {
                main { (content) }
                p id="news" class="unseen" role="status" aria-live="polite" {}
            }
        }
    }
}

/// A page with one sentence.
pub(super) fn message(text: &str) -> Markup {
    let content = html! {
        h1 { "bigseg sync" }
        p role="alert" { (text) }
        p { a href="/" { "All integrations" } }
    };
    page("bigseg sync", &content)
}

/// The login page.
pub(super) fn login(error: Option<&str>) -> Markup {
    let content = html! {
        h1 { "Log in" }
        (alert(error))
        form method="post" action="/login" {
            p {
                label for="token" { "Token" }
                input id="token" name="token" type="password" autocomplete="current-password" required;
            }
            p { button { "Log in" } }
        }
    };
    page("Log in", &content)
}

fn alert(error: Option<&str>) -> Markup {
    html! {
        @if let Some(text) = error {
            p role="alert" class="failing" { (text) }
        }
    }
}

fn path(id: &str) -> String {
    // Ids consist of letters, digits, - _ and . only, so they need no URL encoding.
    format!("/integration/{id}")
}

/// The state of an integration; a failure links to its error log.
fn state(id: &str, status: &IntegrationStatus) -> Markup {
    let progress = status.progress;
    html! {
        @match status.state {
            IntegrationState::Healthy => span class="healthy" { "Healthy" },
            IntegrationState::Failing => a class="failing" href={ (path(id)) "#errors" } { "See error" },
            IntegrationState::Initializing => {
                span class="initializing" { "Initializing" }
                " "
                small {
                    (count(progress.patches)) " patches, "
                    (count(progress.operations)) " operations, "
                    (count(progress.operations_per_second)) "/s"
                }
            }
            _ => span class="off" { "Off" },
        }
    }
}

/// A point in time, relative and absolute.
fn time(at: Option<i64>, now: i64) -> Markup {
    html! {
        @match at {
            Some(at) => { (timestamp::ago(at, now)) " " small { (timestamp::utc(at)) } }
            None => "never",
        }
    }
}

fn form_token_field(form_token: &str) -> Markup {
    html! { input type="hidden" name="form_token" value=(form_token); }
}

/// A button that turns an integration on or off.
fn switch(id: &str, name: &str, on: bool, form_token: &str) -> Markup {
    let action = if on { "Turn off" } else { "Turn on" };
    html! {
        form method="post" action={ (path(id)) "/switch" } {
            (form_token_field(form_token))
            input type="hidden" name="on" value=(!on);
            button id={ "switch-" (id) } aria-label={ (action) " " (name) } { (action) }
        }
    }
}

/// The page of all integrations.
pub(super) fn index(integrations: &[Arc<Integration>], form_token: &str, now: i64) -> Markup {
    let content = html! {
        h1 { "Persistent store integrations" }
        table role="table" {
            caption class="unseen" { "Integrations, their state and their last successful sync" }
            (table_head(&["Configuration", "State", "Last successful sync", "Change"]))
            tbody role="rowgroup" id="integrations" {
                @for integration in integrations {
                    (index_row(integration, form_token, now))
                }
                @if integrations.is_empty() {
                    tr role="row" {
                        td role="cell" colspan="4" { "The file defines no integrations." }
                    }
                }
            }
        }
    };
    page("Persistent store integrations", &content)
}

fn table_head(columns: &[&str]) -> Markup {
    html! {
        thead role="rowgroup" {
            tr role="row" {
                @for column in columns {
                    th role="columnheader" scope="col" { (column) }
                }
            }
        }
    }
}

fn index_row(integration: &Integration, form_token: &str, now: i64) -> Markup {
    let definition = integration.definition();
    let status = integration.status();
    let id = &definition.id;
    html! {
        tr role="row" {
            th role="rowheader" scope="row" {
                a id={ "name-" (id) } href=(path(id)) { (definition.name) }
                " "
                small { (definition.project) " / " (definition.environment) }
            }
            td role="cell" data-label="State" data-live id={ "state-" (id) } { (state(id, &status)) }
            td role="cell" data-label="Last successful sync" data-live id={ "sync-" (id) } {
                (time(status.last_synchronized, now))
            }
            td role="cell" data-label="Change" data-live id={ "change-" (id) } {
                (switch(id, &definition.name, definition.on, form_token))
            }
        }
    }
}

/// The page of one integration: its state, a form to change it, and its error log.
pub(super) fn details(integration: &Integration, form_token: &str, error: Option<&str>, now: i64) -> Markup {
    let definition = integration.definition();
    let status = integration.status();
    let id = &definition.id;
    let content = html! {
        p { a href="/" { "All integrations" } }
        h1 { (definition.name) }
        (alert(error))
        dl {
            dt { "Project / environment" }
            dd { (definition.project) " / " (definition.environment) }
            dt { "State" }
            dd data-live id={ "state-" (id) } { (state(id, &status)) }
            dt { "Last successful sync" }
            dd data-live id={ "sync-" (id) } { (time(status.last_synchronized, now)) }
        }
        div data-live id={ "change-" (id) } {
            (switch(id, &definition.name, definition.on, form_token))
        }
        h2 { "Change" }
        form method="post" action=(path(id)) {
            (form_token_field(form_token))
            p {
                label for="name" { "Name" }
                input id="name" name="name" value=(definition.name) maxlength="200" required;
            }
            p {
                label for="store" { "Store" }
                input id="store" name="store" value=(definition.store) autocomplete="off" spellcheck="false"
                    aria-describedby="store-hint" required;
            }
            p id="store-hint" {
                small {
                    "Passwords are not shown. Leave them out to keep them; after a change of servers they must be "
                    "re-entered."
                }
            }
            p { button { "Save" } }
        }
        p { a class="failing" href={ (path(id)) "/delete" } { "Delete this integration" } }
        h2 id="errors" { "Error log" }
        div data-live id={ "log-" (id) } { (error_log(&integration.error_log(), now)) }
    };
    page(&definition.name, &content)
}

fn error_log(failures: &[SyncFailure], now: i64) -> Markup {
    if failures.is_empty() {
        return html! { p { "Nothing has failed." } };
    }
    html! {
        table role="table" {
            caption class="unseen" { "Errors, newest first" }
            (table_head(&["Time", "Code", "Message"]))
            tbody role="rowgroup" {
                @for failure in failures {
                    (error_log_row(failure, now))
                }
            }
        }
    }
}

fn error_log_row(failure: &SyncFailure, now: i64) -> Markup {
    html! {
        tr role="row" {
            td role="cell" data-label="Time" {
                (time(Some(failure.timestamp), now))
                @if failure.times > 1 {
                    " " small { (count(failure.times)) " times" }
                }
            }
            td role="cell" data-label="Code" {
                @if let Some(code) = failure.status_code { (code) " " }
                (failure.kind)
            }
            td role="cell" data-label="Message" { (failure.message) }
        }
    }
}

/// The page that asks for confirmation before an integration is deleted.
pub(super) fn confirm_delete(integration: &Integration, form_token: &str) -> Markup {
    let definition = integration.definition();
    let title = format!("Delete {}?", definition.name);
    let path = path(&definition.id);
    let content = html! {
        h1 { (title) }
        p {
            "It is removed from the file and its store is no longer kept up to date. The store keeps its data."
        }
        form method="post" action={ (path) "/delete" } {
            (form_token_field(form_token))
            p {
                button class="failing" { "Delete " (definition.name) }
                " "
                a href=(path) { "Keep it" }
            }
        }
    };
    page(&title, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let page = message("<a href='x\">&</p><script>").into_string();
        assert!(page.contains("&lt;a href='x&quot;&gt;&amp;&lt;/p&gt;&lt;script&gt;"), "{page}");
    }
}
