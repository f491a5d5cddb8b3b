//! `pow` of C, in Rust.
//!
//! The SDK's rate limiter takes a cubic root, and for it alone every process would load the C library's mathematics: a
//! third of a megabyte that is resident before the first line of a function runs.
//!
//! Whoever links this crate (`use pow as _;`) has the symbol.

/// As in C: `x` to the power of `y`, within one unit in the last place.
#[unsafe(no_mangle)]
pub extern "C" fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_power() {
        for (x, y, power) in [
            (2.0, 10.0, 1024.0),
            (27.0, 1.0 / 3.0, 3.0),
            (0.25, 0.5, 0.5),
            (10.0, -2.0, 0.01),
            (0.0, 0.0, 1.0),
            (-2.0, 3.0, -8.0),
        ] {
            let is = super::pow(x, y);
            assert!(
                (is - power).abs() <= power.abs() * f64::EPSILON,
                "{x} ** {y}: {is}"
            );
        }
        assert!(super::pow(-1.0, 0.5).is_nan());
        assert!(super::pow(0.0, -1.0).is_infinite());
    }
}
