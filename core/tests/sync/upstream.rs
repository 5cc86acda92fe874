//! Faults of the upstream and of the network, and how the worker handles them
//! (docs/spec.md#writing).

use std::time::Duration;

use crate::upstream_fixture::*;
use bigseg::ErrorKind;
use bigseg::sync::{SdkKey, SyncConfig, SyncStatus, SyncWorker, Upstream, UpstreamProxy};
use bigseg::testkit::fake_upstream::to_json;
use bigseg::testkit::{Endpoint, FakeUpstream, UpstreamFault, rounds};

#[test]
fn a_refusal_is_reported_and_retried_after_minutes() {
    for endpoint in [Endpoint::Page, Endpoint::Stream] {
        for status in [401, 403, 404] {
            let fake = FakeUpstream::start();
            fake.fault(endpoint, UpstreamFault::Status(status, ""));
            let (worker, clock) = start_on_manual_clock(&fake, &format!("refused-{status}-{endpoint:?}"));
            let error = wait_for(&worker, |status| status.error.is_some()).error.unwrap();
            assert_eq!((error.kind, error.status_code), (ErrorKind::UpstreamRefused, Some(status)));
            assert!(error.message.contains(&format!("HTTP {status}")), "{}", error.message);
            let taken = advance_until(&clock, Duration::from_secs(1), &worker, SyncStatus::is_healthy);
            assert!(taken > Duration::from_secs(149), "{taken:?}");
            assert_eq!(worker.status().error, None, "the error has ended");
            assert_eq!(worker.status().errors.len(), 1, "but it is still listed");
        }
    }
}

#[test]
fn a_failing_upstream_is_retried_soon_but_not_before_retry_after() {
    for (status, header, least) in [
        (500, "", 0.4),
        (503, "", 0.4),
        (400, "", 0.4),
        (204, "", 0.4),
        (429, "Retry-After: 17\r\n", 16.5),
        (503, "Retry-After: soon\r\n", 0.4),
    ] {
        let fake = FakeUpstream::start();
        fake.fault(Endpoint::Page, UpstreamFault::Status(status, header));
        let (worker, clock) = start_on_manual_clock(&fake, &format!("failing-{status}-{header}"));
        let error = wait_for(&worker, |status| status.error.is_some()).error.unwrap();
        assert_eq!((error.kind, error.status_code), (ErrorKind::UpstreamUnavailable, Some(status)));
        let taken = advance_until(&clock, Duration::from_millis(100), &worker, SyncStatus::is_healthy);
        assert!(taken.as_secs_f64() > least, "after {status} {header}: {taken:?}");
    }
}

#[test]
fn a_worker_waits_for_an_unreachable_upstream() {
    let store = private_store("not-there");
    let unreachable = FakeUpstream::start().url();
    let config = SyncConfig {
        min_backoff: Duration::from_millis(1),
        ..SyncConfig::new(
            Upstream {
                base_url: unreachable.clone(),
                stream_url: unreachable,
                proxy: UpstreamProxy::None,
                ..Upstream::new(SdkKey::new("k").unwrap())
            },
            &store,
        )
        .unwrap()
    };
    let worker = SyncWorker::start(config).unwrap();
    let status = wait_for(&worker, |status| status.errors.first().is_some_and(|error| error.times > 2));
    let error = status.error.unwrap();
    assert_eq!(error.kind, ErrorKind::UpstreamUnavailable);
    assert!(error.message.contains("cannot connect"), "{}", error.message);
    worker.close().wait();
}

#[test]
fn an_idle_stream_is_replaced_and_keep_alives_prevent_that() {
    let fake = FakeUpstream::start();
    fake.append(step(1));
    let (worker, clock) = start_on_manual_clock(&fake, "silence");
    wait_until_synchronized(&worker);
    let marked = || worker.status().last_synchronized.unwrap();
    // Longer than the timeout in all, but never idle for that long.
    for round in 1..=8 {
        clock.advance(Duration::from_secs(100));
        let now = 1_000_000 + 100_000 * round;
        wait_until("the sync marker", || marked() >= now);
        fake.send_bytes(b": keep-alive\n\n");
        // A keep-alive has no visible effect; the event after it has.
        fake.publish(step(round as usize + 1));
        wait_until("the event", || worker.status().counters.patches == round as u64 + 1);
    }
    assert_eq!(worker.status().counters.streams, 1);
    for _ in 0..3 {
        clock.advance(Duration::from_secs(100));
    }
    let error = wait_for(&worker, |status| status.error.is_some()).error.unwrap();
    assert_eq!(error.kind, ErrorKind::UpstreamTimeout);
    assert!(error.message.contains("silent"), "{}", error.message);
    let after = marked();
    clock.advance(Duration::from_millis(400));
    assert_eq!(marked(), after, "no marker is written without the upstream");
    advance_until(&clock, Duration::from_millis(250), &worker, SyncStatus::is_healthy);
    assert_eq!(worker.status().counters.streams, 2);
}

#[test]
fn a_response_that_does_not_arrive_or_stalls_times_out() {
    for (number, fault) in
        [UpstreamFault::StallAfter(0), UpstreamFault::StallAfter(150)].into_iter().enumerate()
    {
        let fake = FakeUpstream::start();
        fake.append(step(1));
        fake.fault(Endpoint::Page, fault);
        let (worker, clock) = start_on_manual_clock(&fake, &format!("stall-{number}"));
        fake.wait_for_requests(|requests| requests.len() == 1);
        let mut taken = 0;
        wait_until("the worker gives up", || {
            clock.advance(Duration::from_secs(1));
            taken += 1;
            worker.status().error.is_some()
        });
        assert!(taken >= 30, "after {taken} s");
        assert_eq!(worker.status().error.unwrap().kind, ErrorKind::UpstreamTimeout);
        advance_until(&clock, Duration::from_millis(250), &worker, SyncStatus::is_healthy);
    }
}

#[test]
fn a_response_that_trickles_times_out() {
    let fake = FakeUpstream::start();
    fake.fault(Endpoint::Page, UpstreamFault::Trickle);
    let (worker, clock) = start_on_manual_clock(&fake, "trickle");
    fake.wait_for_open_streams(1);
    wait_until("the worker gives up", || {
        fake.send_bytes(b" ");
        clock.advance(Duration::from_millis(50));
        worker.status().error.is_some()
    });
    assert_eq!(worker.status().error.unwrap().kind, ErrorKind::UpstreamTimeout);
}

#[test]
fn a_malformed_page_is_reported_and_changes_nothing() {
    let hash = "CEXjZY7cHJG/ydFy7q4+YEFwVrG3/pkJwA4FAjrbfx0=";
    let patch = |changes: &str| {
        format!(r#"[{{"segmentId":"s.g1","version":"v1","previousVersion":"","changes":{changes}}}]"#)
    };
    let bodies = [
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
        "<html>please log in</html>".to_owned(),
        "[".to_owned(),
        "[1]".to_owned(),
        "[null]".to_owned(),
        "[[]]".to_owned(),
        "[{}]".to_owned(),
        r#"[{"segmentId":7}]"#.to_owned(),
        r#"[{"segmentId":"no ref","version":"v1"}]"#.to_owned(),
        r#"[{"segmentId":"s.g1","version":["v1"]}]"#.to_owned(),
        patch("7"),
        patch("[]"),
        patch(r#"{"included":7}"#),
        patch(r#"{"included":[]}"#),
        patch(r#"{"included":"secret-context-key"}"#),
        patch(r#"{"included":{"add":7}}"#),
        patch(r#"{"included":{"add":{}}}"#),
        patch(r#"{"included":{"add":[7]}}"#),
        patch(r#"{"included":{"add":[null]}}"#),
        patch(r#"{"included":{"add":["secret-context-key"]}}"#),
        patch(&format!(r#"{{"included":{{"add":["{hash}"]}},"excluded":{{"remove":["{hash}",]}}}}"#)),
        patch(&format!(r#"{{"included":{{"add":["{hash}"}}}}"#)),
        patch(r#"{"included":{"add":[]}},"changes":{"included":{"add":[]}}"#),
        format!("{},", "[".repeat(100_000)),
        format!("[{{\"segmentId\":\"s.g1\",\"other\":{}", "{\"a\":".repeat(100_000)),
    ];
    for body in bodies {
        let fake = FakeUpstream::start();
        fake.fault(Endpoint::Page, UpstreamFault::Body(body.clone().into_bytes()));
        let shown: String = body.chars().take(200).collect();
        let (worker, clock) = start_on_manual_clock(&fake, &format!("malformed-{shown}"));
        let status = wait_for(&worker, |status| status.error.is_some());
        let error = status.error.unwrap();
        assert_eq!(error.kind, ErrorKind::UpstreamData, "{shown}: {}", error.message);
        assert!(!error.message.contains("secret") && !error.message.contains("html"), "{}", error.message);
        assert_eq!(status.counters.patches, 0, "{shown}");
        advance_until(&clock, Duration::from_millis(250), &worker, SyncStatus::is_healthy);
    }
}

#[test]
fn patches_before_a_fault_are_applied_and_the_others_are_fetched_again() {
    let fake = FakeUpstream::start();
    let store = private_store("partly-malformed");
    (1..=3).for_each(|n| fake.append(step(n)));
    let mut body = to_json(&[&step(1), &step(2)]);
    body.pop();
    body.extend_from_slice(b",{\"segmentId\":[]}]");
    fake.fault(Endpoint::Page, UpstreamFault::Body(body));
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    wait_until_synchronized(&worker);
    assert_holds(&store, 3);
    assert_eq!(fake.requests()[1].after.as_deref(), Some("v2"));
    assert_eq!(worker.status().errors.len(), 1);
}

#[test]
fn a_page_may_be_cut_at_each_byte() {
    let length = 200 + to_json(&[&step(1), &step(2)]).len();
    for cut in (0..length).step_by(rounds(7, 1)) {
        let fake = FakeUpstream::start();
        let store = private_store(&format!("cut-page-{cut}"));
        (1..=2).for_each(|n| fake.append(step(n)));
        fake.fault(Endpoint::Page, UpstreamFault::CutAfter(cut));
        let worker = SyncWorker::start(config(&fake, &store)).unwrap();
        wait_until_synchronized(&worker);
        assert_holds(&store, 2);
        let errors = worker.status().errors;
        assert!(errors.iter().all(|error| error.kind == ErrorKind::UpstreamUnavailable), "{errors:?}");
    }
}

#[test]
fn a_stream_may_be_cut_at_each_byte() {
    let length = 200 + to_json(&[&step(2), &step(3)]).len();
    for cut in (0..length).step_by(rounds(7, 1)) {
        let fake = FakeUpstream::start();
        let store = private_store(&format!("cut-stream-{cut}"));
        fake.append(step(1));
        fake.fault(Endpoint::Stream, UpstreamFault::CutAfter(cut));
        let worker = SyncWorker::start(config(&fake, &store)).unwrap();
        wait_until_synchronized(&worker);
        (2..=3).for_each(|n| fake.append(step(n)));
        fake.send_event(&[&step(2), &step(3)]);
        fake.publish(step(4));
        wait_for_cursor(&worker, &store, "v4");
        assert_holds(&store, 4);
    }
}

#[test]
fn responses_may_arrive_in_any_pieces_with_any_line_ends_and_comments() {
    for (piece, line_end) in [(1, "\r\n"), (2, "\r"), (3, "\n"), (usize::MAX, "\r\n")] {
        let fake = FakeUpstream::start();
        let store = private_store(&format!("pieces-{piece}-{line_end:?}"));
        fake.set_write_size(piece);
        fake.append(step(1));
        let worker = SyncWorker::start(config(&fake, &store)).unwrap();
        wait_until_synchronized(&worker);
        fake.append(step(2));
        let json = String::from_utf8(to_json(&[&step(2)])).unwrap().replace("},", "},\ndata:  ");
        let event = format!(": comment\n\nid: 7\nevent: patch\nretry: 1\ndata: {json}\n: more\n\n");
        fake.send_bytes(event.replace('\n', line_end).as_bytes());
        wait_for_cursor(&worker, &store, "v2");
        assert_eq!(worker.status().errors, []);
        assert_holds(&store, 2);
    }
}

#[test]
fn a_malformed_event_leads_back_to_polling() {
    for event in ["data: [\n\n", "data: x\n\n", "data: [{}]\n\n", "data: null\n\n"] {
        let fake = FakeUpstream::start();
        let store = private_store(&format!("bad-event-{event}"));
        fake.append(step(1));
        let worker = SyncWorker::start(config(&fake, &store)).unwrap();
        wait_until_synchronized(&worker);
        fake.append(step(2));
        fake.send_bytes(event.as_bytes());
        wait_for_cursor(&worker, &store, "v2");
        assert_eq!(worker.status().errors[0].kind, ErrorKind::UpstreamData);
    }
}

#[test]
fn a_page_that_cannot_be_decompressed_differs_from_a_broken_connection() {
    let fake = FakeUpstream::start();
    let store = private_store("corrupt");
    fake.append(step(1));
    let corrupt = UpstreamFault::Status(200, "Content-Encoding: gzip\r\nContent-Length: 1000\r\n");
    fake.fault(Endpoint::Page, corrupt);
    fake.fault(Endpoint::Page, UpstreamFault::CorruptGzip);
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    wait_until_synchronized(&worker);
    let kinds: Vec<_> = worker.status().errors.iter().rev().map(|error| error.kind).collect();
    assert_eq!(kinds, [ErrorKind::UpstreamUnavailable, ErrorKind::UpstreamData]);
}

#[test]
fn pages_may_be_compressed_and_a_stream_needs_its_content_type() {
    let fake = FakeUpstream::start();
    let store = private_store("gzip");
    (1..=3).for_each(|n| fake.append(step(n)));
    fake.fault(Endpoint::Page, UpstreamFault::Gzip);
    fake.fault(Endpoint::Stream, UpstreamFault::ContentType("text/html"));
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    wait_until_synchronized(&worker);
    assert_holds(&store, 3);
    let error = &worker.status().errors[0];
    assert_eq!((error.kind, error.status_code), (ErrorKind::UpstreamData, Some(200)));
}
