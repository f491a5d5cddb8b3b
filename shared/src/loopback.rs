//! Detects URLs of the local machine.

/// Whether the URL's host is the local machine, so that requests to it stay there.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    let host = url
        .split_once("://")
        .map_or(url, |(_, rest)| rest)
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
    let host = match host.strip_prefix('[') {
        _ if host.contains('@') => return false,
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_urls_are_recognized_by_their_host() {
        for url in [
            "http://127.0.0.1:8000",
            "http://localhost:8000/",
            "http://[::1]:8000",
            "http://127.1.2.3",
            "http://localhost?a",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://dynamodb.ap-northeast-2.amazonaws.com",
            "http://localhost.example",
            "http://10.0.0.1:8000",
            "http://127.0.0.1.example:8000",
            "http://localhost:1@example.com",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
