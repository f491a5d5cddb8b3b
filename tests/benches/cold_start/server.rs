//! What a process that is measured talks to: blocking threads that wait already when it begins.

use std::io::BufReader;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// More connections than any executable opens at once before its first answer.
const THREADS: usize = 40;

/// A server of one start. It ends with it.
pub(crate) struct Server {
    pub address: SocketAddr,
    has_ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").expect("a port"));
        let address = listener.local_addr().expect("an address");
        let has_ended = Arc::new(AtomicBool::new(false));
        let serve = Arc::new(serve);
        let threads = (0..THREADS)
            .map(|_| {
                let (listener, has_ended, serve) =
                    (listener.clone(), has_ended.clone(), serve.clone());
                thread::spawn(move || {
                    loop {
                        let (stream, _) = listener.accept().expect("a connection");
                        if has_ended.load(Ordering::Relaxed) {
                            return;
                        }
                        serve(stream);
                    }
                })
            })
            .collect();
        Self {
            address,
            has_ended,
            threads,
        }
    }
}

impl Drop for Server {
    /// The process has gone, and its connections with it: every thread waits for another.
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::Relaxed);
        for _ in &self.threads {
            // Whom it does not wake, has ended.
            let _ = TcpStream::connect(self.address);
        }
        for thread in self.threads.drain(..) {
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
