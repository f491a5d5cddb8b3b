//! One start of an executable, with a Runtime API that has one event for it.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::message::Message;
use crate::server::{Server, both_ways};

/// What one start showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// From before the process is made until it asks for its first event.
    pub ready: Duration,
    /// Until its first answer is there.
    pub answered: Duration,
    /// Time on a processor, until then.
    pub cpu: Duration,
    /// The most memory that was resident (`VmHWM`), in KiB.
    pub peak_kib: u64,
}

/// What came in at the Runtime API, and when.
enum Asked {
    Next(Instant),
    Posted(Instant, String, Value),
}

/// An executable on a loaded machine starts within this.
const PATIENCE: Duration = Duration::from_mins(1);

/// Starts the executable, lets it answer the event, and ends it.
pub(crate) fn start(
    executable: &Path,
    event: &Value,
    environment: impl FnOnce(SocketAddr) -> Vec<(&'static str, String)>,
) -> (Start, Value) {
    let (asked, answers) = channel();
    let text = event.to_string();
    let runtime = Server::start(move |stream| serve(stream, &text, &asked));
    let mut command = Command::new(executable);
    command
        .env_clear()
        .envs(environment(runtime.address))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let began = Instant::now();
    let mut process = Ended(command.spawn().expect("an executable"));
    let (start, answer) = watch(&answers, began, process.0.id());
    process.end();
    (start, answer)
}

/// A process that does not outlive the measurement.
struct Ended(Child);

impl Ended {
    fn end(&mut self) {
        // An error is a process that has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.end();
    }
}

fn watch(answers: &Receiver<Asked>, began: Instant, pid: u32) -> (Start, Value) {
    let Asked::Next(ready) = answers.recv_timeout(PATIENCE).expect("a start") else {
        panic!("an answer before any event");
    };
    match answers.recv_timeout(PATIENCE).expect("an answer") {
        Asked::Posted(answered, path, answer) if path.ends_with("/response") => {
            let start = Start {
                ready: ready - began,
                answered: answered - began,
                cpu: processor_time(pid),
                peak_kib: peak_kib(pid),
            };
            (start, answer)
        }
        Asked::Posted(_, path, answer) => panic!("{path}: {answer}"),
        Asked::Next(_) => panic!("no answer"),
    }
}

/// The first event is answered at once, another never.
fn serve(stream: TcpStream, event: &str, asked: &Sender<Asked>) {
    let (mut answers, mut requests) = both_ways(stream);
    let mut has_event = true;
    while let Some(request) = Message::read(&mut requests) {
        let now = Instant::now();
        let path = request.path().to_owned();
        if !path.ends_with("/invocation/next") {
            let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            // An error is a measurement that is over; so below.
            let _ = asked.send(Asked::Posted(now, path, body));
            let _ = answers.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
        } else if std::mem::take(&mut has_event) {
            let _ = asked.send(Asked::Next(now));
            let _ = answers.write_all(invocation(event).as_bytes());
        }
    }
}

fn invocation(event: &str) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time");
    format!(
        "HTTP/1.1 200 OK\r\n\
         lambda-runtime-aws-request-id: request\r\n\
         lambda-runtime-deadline-ms: {}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:ap-northeast-2:123456789012:function:f\r\n\
         lambda-runtime-trace-id: Root=1-5759e988-bd862e3fe1be46a994272793\r\n\
         content-type: application/json\r\n\
         content-length: {}\r\n\r\n{event}",
        (now + Duration::from_secs(29)).as_millis(),
        event.len(),
    )
}

/// Of all its threads, the first figure of each `schedstat`, in nanoseconds.
fn processor_time(pid: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("a process");
    let nanoseconds = tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum();
    Duration::from_nanos(nanoseconds)
}

fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|value| value.trim().strip_suffix(" kB")?.parse().ok())
        .expect("VmHWM")
}
