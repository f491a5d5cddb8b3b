/// How a command ended. A command that could not run returns an error instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Done,
    /// The catalogue was refused, an invariant is broken, or the draw does not verify.
    Negative,
}
