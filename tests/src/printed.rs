//! What a command prints.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use boxoffice::output::Output;

/// What was printed to the outputs of [`Printed::output`], write by write.
#[derive(Clone, Default)]
pub(crate) struct Printed(Arc<Mutex<Vec<Vec<u8>>>>);

impl Printed {
    pub(crate) fn output(&self) -> Output {
        Output::to(Box::new(self.clone()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.writes().concat()).unwrap()
    }

    pub(crate) fn writes(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
