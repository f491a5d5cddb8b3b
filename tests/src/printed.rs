//! What a command prints.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use boxoffice::output::Output;

/// What was printed to the outputs of [`Printed::output`].
#[derive(Clone, Default)]
pub(crate) struct Printed(Arc<Mutex<Vec<u8>>>);

impl Printed {
    pub(crate) fn output(&self) -> Output {
        Output::to(Box::new(self.clone()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
