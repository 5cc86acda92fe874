//! The connection to the upstream: redirects, proxies, TLS, SDK keys and secrets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::upstream_fixture::*;
use bigseg::ErrorKind;
use bigseg::sync::{SdkKey, SyncConfig, SyncPhase, SyncWorker, UpstreamProxy};
use bigseg::testkit::certificates::Certificates;
use bigseg::testkit::fake_upstream::SDK_KEY;
use bigseg::testkit::{Endpoint, FakeUpstream, UpstreamFault};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

#[test]
fn a_redirect_to_another_host_does_not_carry_the_key() {
    let fake = FakeUpstream::start();
    let other = FakeUpstream::start();
    let store = private_store("redirect");
    let elsewhere = format!("Location: {}/sdk/big-segments/revisions\r\n", other.url());
    fake.fault(Endpoint::Page, UpstreamFault::Status(307, elsewhere.leak()));
    let worker = SyncWorker::start(config(&fake, &store)).unwrap();
    wait_until_synchronized(&worker);
    assert_eq!(other.requests()[0].authorization, "");
    assert_eq!(worker.status().errors[0].status_code, Some(401));
}

#[test]
fn a_new_key_is_used_at_once_while_waiting_and_streaming() {
    let fake = FakeUpstream::start();
    fake.append(step(1));
    fake.set_key("the-second-key");
    let (worker, _clock) = start_on_manual_clock(&fake, "rotation");
    let error = wait_for(&worker, |status| status.error.is_some()).error.unwrap();
    assert_eq!(error.status_code, Some(401));
    // The clock does not advance: only the key can end the wait.
    worker.set_sdk_key(SdkKey::new("the-second-key").unwrap());
    wait_until_synchronized(&worker);
    worker.set_sdk_key(SdkKey::new("the-second-key").unwrap());
    assert_eq!(worker.status().counters.streams, 1, "nothing happens for the same key");
    fake.set_key("the-third-key");
    worker.set_sdk_key(SdkKey::new("the-third-key").unwrap());
    wait_for(&worker, |status| status.counters.streams == 2 && status.is_healthy());
    let requests = fake.requests();
    assert_eq!(requests.first().unwrap().authorization, SDK_KEY);
    assert_eq!(requests.last().unwrap().authorization, "the-third-key");
    let status = worker.status();
    assert_eq!((status.errors.len(), status.phase), (1, SyncPhase::Synchronized));
}

#[test]
fn requests_go_through_the_proxy() {
    let fake = FakeUpstream::start();
    let store = private_store("proxy");
    fake.append(step(1));
    let mut config = config(&fake, &store);
    config.upstream.base_url = "http://upstream.invalid/some/path/".to_owned();
    config.upstream.stream_url = "http://stream.upstream.invalid".to_owned();
    config.upstream.proxy = UpstreamProxy::Url(fake.url());
    let worker = SyncWorker::start(config).unwrap();
    wait_until_synchronized(&worker);
    let targets: Vec<_> = fake.requests().into_iter().map(|request| request.target).collect();
    let page = "http://upstream.invalid/some/path/sdk/big-segments/revisions";
    let stream = "http://stream.upstream.invalid/big-segments";
    assert_eq!(targets, [page, &format!("{page}?after=v1"), stream, &format!("{page}?after=v1")]);
}

/// Starts a TLS server in front of an upstream: it forwards one request of each connection, and the
/// whole response.
fn start_tls_server(fake: &FakeUpstream, certificates: &Certificates) -> String {
    let chain = CertificateDer::pem_file_iter(certificates.file("server.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates.file("server.key")).unwrap();
    let settings = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap();
    let settings = Arc::new(settings);
    let target = fake.url()["http://".len()..].to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move |client: TcpStream| -> std::io::Result<()> {
        let session = ServerConnection::new(settings.clone()).unwrap();
        let mut client = StreamOwned::new(session, client);
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let mut server = TcpStream::connect(&target)?;
        server.write_all(&head)?;
        std::io::copy(&mut server, &mut client).map(drop)
    };
    let serve = Arc::new(serve);
    let accept = move || {
        for client in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            // An error means that the client rejected the certificate.
            std::thread::Builder::new().spawn(move || drop(serve(client))).unwrap();
        }
    };
    std::thread::Builder::new().spawn(accept).unwrap();
    format!("https://localhost:{port}")
}

#[test]
fn only_a_configured_certificate_authority_is_trusted() {
    bigseg::needs!(OpenSsl);
    let fake = FakeUpstream::start();
    let store = private_store("tls");
    let directory = tempfile::tempdir().unwrap();
    let certificates = Certificates::make(directory.path());
    fake.append(step(1));
    let url = start_tls_server(&fake, &certificates);
    let mut config = config(&fake, &store);
    config.upstream.base_url = url.clone();
    config.upstream.stream_url = url;
    let without_ca = SyncWorker::start(config.clone()).unwrap();
    let error = wait_for(&without_ca, |status| status.error.is_some()).error.unwrap();
    assert_eq!(error.kind, ErrorKind::UpstreamUnavailable);
    assert!(error.message.contains("certificate"), "{}", error.message);
    assert!(fake.requests().is_empty());
    without_ca.close().wait();
    config.upstream.ca_file = Some(certificates.file("ca.crt").into());
    let worker = SyncWorker::start(config).unwrap();
    wait_until_synchronized(&worker);
    assert_holds(&store, 1);
    fake.publish(step(2));
    wait_for_cursor(&worker, &store, "v2");
}

#[test]
fn secrets_are_not_printed_and_invalid_options_are_rejected() {
    let fake = FakeUpstream::start();
    let mut config = config(&fake, &private_store("secrets"));
    config.upstream.proxy = UpstreamProxy::Url("http://user:proxy-password@127.0.0.1:1/".to_owned());
    config.upstream.sdk_key = SdkKey::new("sdk-secret").unwrap();
    let shown = format!("{config:?} {:?}", config.upstream);
    assert!(!shown.contains("sdk-secret") && !shown.contains("proxy-password"), "{shown}");
    let worker = SyncWorker::start(config.clone()).unwrap();
    let shown = format!("{:?}", wait_for(&worker, |status| status.error.is_some()));
    assert!(!shown.contains("sdk-secret") && !shown.contains("proxy-password"), "{shown}");

    for key in ["", " ", "a b", "a\n", "é"] {
        assert_eq!(SdkKey::new(key).unwrap_err().kind(), ErrorKind::InvalidConfig, "{key:?}");
    }
    let with = |change: &dyn Fn(&mut SyncConfig)| {
        let mut config = config.clone();
        change(&mut config);
        let error = SyncWorker::start(config).err().expect("it is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(!error.message().contains("hunter2"), "{error}");
    };
    let urls = ["", "sdk.example.com", "ftp://x", "http://user:hunter2@x", "http://x?y", "http://x#y"];
    for url in urls {
        with(&|config| config.upstream.base_url = url.to_owned());
        with(&|config| config.upstream.stream_url = url.to_owned());
    }
    with(&|config| config.upstream.proxy = UpstreamProxy::Url("::hunter2::".to_owned()));
    with(&|config| config.upstream.ca_file = Some("/nonexistent".into()));
    with(&|config| config.upstream.ca_file = Some("/dev/null".into()));
    with(&|config| config.sync_marker_interval = Duration::ZERO);
}
