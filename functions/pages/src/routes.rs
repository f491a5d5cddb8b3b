//! The routes of template.yaml, matched like in an HTTP API of API Gateway.

use percent_encoding::percent_decode_str;

/// One route of the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The function that handles the route.
    pub function: &'static str,
    pub method: &'static str,
    /// The pattern, with `{parameter}` segments. A final `{parameter+}` matches the rest of the path.
    pub path: &'static str,
}

/// All routes except `$default`.
pub const ROUTES: &[Route] = include!(concat!(env!("OUT_DIR"), "/routes.rs"));

/// The result of routing a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// The request matches a route. The parameters are percent-decoded once.
    Route {
        function: &'static str,
        route: &'static str,
        parameters: Vec<(&'static str, String)>,
    },
    /// No route matches: the request goes to `$default`.
    Unmatched,
}

/// Finds the route of a request. Of several matches, the one with the fewest parameters wins.
#[must_use]
pub fn resolve(method: &str, raw_path: &str) -> Resolved {
    ROUTES
        .iter()
        .filter(|route| route.method == method)
        .filter_map(|route| Some((route, parameters(route.path, raw_path)?)))
        .min_by_key(|(_, parameters)| parameters.len())
        .map_or(Resolved::Unmatched, |(route, parameters)| Resolved::Route {
            function: route.function,
            route: route.path,
            parameters,
        })
}

/// The methods that a path supports, in alphabetical order. HEAD of a page is answered by
/// `$default`, without a route of its own.
#[must_use]
pub fn methods_of(raw_path: &str) -> Vec<&'static str> {
    let mut methods: Vec<_> = ROUTES
        .iter()
        .filter(|route| parameters(route.path, raw_path).is_some())
        .flat_map(|route| match route.method {
            "GET" => vec!["GET", "HEAD"],
            method => vec![method],
        })
        .collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

/// The values of a pattern's parameters. None if the path does not match.
fn parameters(pattern: &'static str, raw_path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut found = Vec::new();
    let mut segments = raw_path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        let name = expected
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match name {
            None if segment == expected => {}
            None => return None,
            Some(_) if segment.is_empty() => return None,
            Some(name) => match name.strip_suffix('+') {
                None => found.push((name, decode(segment))),
                Some(name) => {
                    let rest = segments.by_ref().map(decode);
                    let whole: Vec<_> = std::iter::once(decode(segment)).chain(rest).collect();
                    found.push((name, whole.join("/")));
                }
            },
        }
    }
    segments.next().is_none().then_some(found)
}

fn decode(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(method: &str, path: &str) -> Option<(&'static str, Vec<String>)> {
        match resolve(method, path) {
            Resolved::Route {
                function,
                parameters,
                ..
            } => Some((function, parameters.into_iter().map(|(_, v)| v).collect())),
            Resolved::Unmatched => None,
        }
    }

    #[test]
    fn a_path_goes_to_its_function_with_its_parameters() {
        let found = function("GET", "/events/winter-live/dates/2026-12-24T19%3A00/seats");
        let expected = ["winter-live", "2026-12-24T19:00"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(found, Some(("list-seats", expected)));
        assert_eq!(function("GET", "/"), Some(("shop-page", Vec::new())));
        let event = vec!["winter-live".to_owned()];
        assert_eq!(
            function("GET", "/e/winter-live"),
            Some(("shop-page", event))
        );
        let view = vec!["winter-live".to_owned(), "line".to_owned()];
        assert_eq!(
            function("GET", "/e/winter-live/line"),
            Some(("pages", view))
        );
    }

    #[test]
    fn paths_are_exact() {
        for path in [
            "/events/",
            "/events/a/",
            "//events",
            "/Events",
            "/events/a/tokens/you",
            "",
        ] {
            assert_eq!(function("GET", path), None, "{path}");
        }
        assert_eq!(
            function("HEAD", "/events"),
            Some(("list-events", Vec::new()))
        );
        assert_eq!(function("GET", "/events//queue"), None);
    }

    #[test]
    fn a_path_knows_its_methods() {
        assert_eq!(methods_of("/events/a/tokens/me"), ["DELETE", "GET", "HEAD"]);
        assert_eq!(methods_of("/nowhere"), [""; 0]);
    }
}
