//! TLS for the connection to the upstream.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::{Error, ErrorKind, Result};

/// Creates a TLS configuration with its own crypto provider, because the library's default would
/// need one that is installed for the whole process.
pub(super) fn tls_config(ca_file: Option<&Path>) -> Result<ClientConfig> {
    let roots = match ca_file {
        Some(path) => read_ca_file(path)?,
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::with_source(ErrorKind::Internal, "setting up TLS", e))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn read_ca_file(path: &Path) -> Result<RootCertStore> {
    let unreadable = |what: &dyn Display| {
        Error::new(ErrorKind::InvalidConfig, format!("ca_file {}: {what}", path.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unreadable(&e))? {
        let certificate = certificate.map_err(|e| unreadable(&e))?;
        roots.add(certificate).map_err(|e| unreadable(&e))?;
    }
    if roots.is_empty() {
        return Err(unreadable(&"the file contains no certificate"));
    }
    Ok(roots)
}
