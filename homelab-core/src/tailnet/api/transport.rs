//! Where a control server is, and a connection to it.

use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::error::{Error, ErrorKind, Result};

/// Where a control server is.
#[derive(Clone)]
pub(super) struct Server {
    tls: bool,
    /// As the Host header has it: with the port, where one is written.
    authority: String,
    host: String,
    port: u16,
    /// The path that all others are below; without a slash at its end.
    base: String,
    #[cfg(feature = "tailnet-api-rustls")]
    authorities: Vec<rustls::pki_types::CertificateDer<'static>>,
}

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Server {
    /// Returns the server of this name, over TLS.
    pub(super) fn public(host: &str) -> Self {
        Server {
            tls: true,
            authority: host.to_owned(),
            host: host.to_owned(),
            port: 443,
            base: String::new(),
            #[cfg(feature = "tailnet-api-rustls")]
            authorities: Vec::new(),
        }
    }

    /// Reads `http://HOST`, with a port or a path or both; `https` too.
    pub(super) fn parse(address: &str) -> Result<Self> {
        // Nothing of it is repeated but what was understood: somebody may have put a password into it.
        let invalid = || {
            Error::new(ErrorKind::Invalid, "read the address of the control server").with_hint(
                "write it as `http://100.64.0.1:8080` or `https://headscale.example.com`, without a user",
            )
        };
        let uri: hyper::Uri = address.parse().map_err(|_| invalid())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(invalid()),
        };
        let authority = uri.authority().ok_or_else(invalid)?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(invalid());
        }
        if tls && !cfg!(feature = "tailnet-api-rustls") {
            let message = format!("speak TLS with `{authority}`: this build has none");
            return Err(Error::new(ErrorKind::Unsupported, message).with_hint(
                "build it with the feature `tailnet-api-rustls`, or ask inside the tailnet, by `http`",
            ));
        }
        Ok(Server {
            tls,
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            base: uri.path().trim_end_matches('/').to_owned(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            ..Server::public(authority.as_str())
        })
    }

    /// Returns what the Host header says.
    pub(super) fn host_header(&self) -> &str {
        &self.authority
    }

    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(super) async fn connect(&self) -> Result<Box<dyn Stream>> {
        let unreachable = |error: std::io::Error| {
            Error::new(ErrorKind::Unreachable, format!("reach {self}"))
                .with_hint("see whether the server runs, and whether this machine may reach it")
                .with_source(error)
        };
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(unreachable)?;
        if self.tls {
            self.encrypted(stream).await
        } else {
            Ok(Box::new(stream))
        }
    }

    #[cfg(not(feature = "tailnet-api-rustls"))]
    #[expect(clippy::unused_async, reason = "with the feature it waits for the other side")]
    async fn encrypted(&self, _: TcpStream) -> Result<Box<dyn Stream>> {
        let message = format!("speak TLS with {self}: this build has none");
        Err(Error::new(ErrorKind::Unsupported, message)
            .with_hint("build it with the feature `tailnet-api-rustls`"))
    }

    #[cfg(not(feature = "tailnet-api-rustls"))]
    pub(super) fn trust(&mut self, _: &str) -> Result<()> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "trust a certificate: this build has no TLS",
        )
        .with_hint("build it with the feature `tailnet-api-rustls`"))
    }
}

#[cfg(feature = "tailnet-api-rustls")]
mod tls {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;

    use super::{Server, Stream};
    use crate::error::{Error, ErrorKind, Result};

    impl Server {
        pub(in super::super) fn trust(&mut self, pem: &str) -> Result<()> {
            let invalid = || {
                Error::new(ErrorKind::Invalid, "read the certificate of an authority")
                    .with_hint("give it as PEM: `-----BEGIN CERTIFICATE-----` and so on")
            };
            let before = self.authorities.len();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|error| invalid().with_source(error))?;
                let mut roots = RootCertStore::empty();
                roots
                    .add(certificate.clone())
                    .map_err(|error| invalid().with_source(error))?;
                self.authorities.push(certificate);
            }
            match self.authorities.len() > before {
                true => Ok(()),
                false => Err(invalid()),
            }
        }

        pub(super) async fn encrypted(&self, stream: TcpStream) -> Result<Box<dyn Stream>> {
            let mut roots = RootCertStore::empty();
            // What of the machine's own cannot be read is not trusted.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots.add_parsable_certificates(self.authorities.iter().cloned());
            let refused = |kind, error: Box<dyn std::error::Error + Send + Sync>| {
                Error::new(kind, format!("speak TLS with {self}"))
                    .with_hint("its certificate has to be for that name, in time, and of an authority that is trusted")
                    .with_source(error)
            };
            // Named, so that no other part of the program has to agree on one.
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let settings = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| refused(ErrorKind::Internal, error.into()))?
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = ServerName::try_from(self.host.clone())
                .map_err(|error| refused(ErrorKind::Invalid, error.into()))?;
            let connector = TlsConnector::from(Arc::new(settings));
            match connector.connect(name, stream).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    Err(refused(ErrorKind::Unauthorised, error.into()))
                }
                Err(error) => Err(refused(ErrorKind::Unreachable, error.into())),
            }
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "`{scheme}://{}{}`", self.authority, self.base)
    }
}
