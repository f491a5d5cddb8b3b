//! Listening ports.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};

use anyhow::{Result, anyhow};

/// Listens on a port. `flag` is the option that chooses another one.
pub fn bind(address: IpAddr, port: u16, flag: &str) -> Result<TcpListener> {
    TcpListener::bind(SocketAddr::new(address, port)).map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => {
                format!("it is taken; choose another with {flag} (0 picks a free one)")
            }
            ErrorKind::AddrNotAvailable => {
                "this machine does not have the address; see --bind".to_owned()
            }
            _ => format!("see {flag}"),
        };
        anyhow!("cannot listen on {address} port {port}: {advice}: {error}")
    })
}
