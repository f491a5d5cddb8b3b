//! What a process that is measured talks to: blocking threads that wait already when it begins.

use std::io::BufReader;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// So many threads wait for a connection at any time.
const WAITING: usize = 4;

/// A server of one start. It ends with it.
pub(crate) struct Server {
    pub address: SocketAddr,
    line: Arc<Line>,
}

/// The threads of a server. Who gets a connection leaves another one waiting: waking all that a start could ever need, at its
/// end, would fill the kernel's table of connections within some hundred starts.
struct Line {
    listener: TcpListener,
    serve: Box<dyn Fn(TcpStream) + Send + Sync>,
    has_ended: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Line {
    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(self: &Arc<Self>) {
        let this = self.clone();
        let thread = thread::spawn(move || {
            let (stream, _) = this.listener.accept().expect("a connection");
            if this.has_ended.load(Ordering::Relaxed) {
                return;
            }
            this.join();
            (this.serve)(stream);
        });
        self.threads().push(thread);
    }
}

impl Server {
    pub(crate) fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let line = Arc::new(Line {
            listener,
            serve: Box::new(serve),
            has_ended: AtomicBool::new(false),
            threads: Mutex::default(),
        });
        for _ in 0..WAITING {
            line.join();
        }
        Self { address, line }
    }
}

impl Drop for Server {
    /// The process has gone, and its connections with it: who does not wait has ended, or is about to.
    fn drop(&mut self) {
        self.line.has_ended.store(true, Ordering::Relaxed);
        for _ in 0..WAITING {
            let _ = TcpStream::connect(self.address);
        }
        loop {
            let Some(thread) = self.line.threads().pop() else {
                return;
            };
            let ended = thread.join();
            assert!(
                ended.is_ok() || thread::panicking(),
                "a server of the measurement failed"
            );
        }
    }
}

/// A connection to write to, and to read from.
pub(crate) fn both_ways(stream: TcpStream) -> (TcpStream, BufReader<TcpStream>) {
    stream.set_nodelay(true).expect("a socket");
    let asking = stream.try_clone().expect("a socket");
    (asking, BufReader::new(stream))
}
