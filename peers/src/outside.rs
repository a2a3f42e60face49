//! A peer as seen from outside: a process that is asked and has so long to answer.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::protocol::{About, Refusal};

/// That a process which is asked no more has to end.
const GRACE: Duration = Duration::from_secs(5);

/// Ended when dropped.
pub struct Process {
    child: Child,
    answers: Receiver<String>,
    /// What it says on standard error.
    log: PathBuf,
    /// That it has to answer each request.
    pub limit: Duration,
}

impl Process {
    /// Starts one that has `limit` to answer each request.
    ///
    /// # Errors
    /// Why it is not there, in words.
    pub fn start(
        mut command: Command,
        log: &Path,
        limit: Duration,
    ) -> Result<(Self, About), String> {
        let stderr = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        let stdout = child.stdout.take().ok_or_else(|| format!("{program}: no pipe"))?;
        let (sender, answers) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            // Nobody listens any more once the process is not wanted.
            lines.take_while(|line| sender.send(line.clone()).is_ok()).for_each(drop);
        });
        let mut process = Process { child, answers, log: log.into(), limit };
        let about = process.answer()?;
        Ok((process, about))
    }

    /// # Errors
    /// Why there is no answer, in words.
    pub fn ask<T: DeserializeOwned>(&mut self, request: &str) -> Result<T, String> {
        if let Some(requests) = &mut self.child.stdin {
            // One that has ended says so by not answering.
            let _ = writeln!(requests, "{request}").and_then(|()| requests.flush());
        }
        self.answer()
    }

    fn answer<T: DeserializeOwned>(&mut self) -> Result<T, String> {
        let line = self.answers.recv_timeout(self.limit).map_err(|error| match error {
            RecvTimeoutError::Timeout => {
                let _ = self.child.kill();
                format!("over the limit of {} s", self.limit.as_secs_f64())
            }
            RecvTimeoutError::Disconnected => self.last_words(),
        })?;
        if let Ok(Refusal { refused }) = serde_json::from_str(&line) {
            return Err(refused);
        }
        serde_json::from_str(&line).map_err(|_| format!("answered: {line}"))
    }

    fn last_words(&mut self) -> String {
        let status = self.child.wait().map_or("it".into(), |status| status.to_string());
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        // Rust closes a panic with a hint about backtraces.
        let mut lines = log.lines().map(str::trim);
        let is_telling = |line: &&str| !line.is_empty() && !line.starts_with("note: run with");
        match lines.rfind(is_telling) {
            Some(line) => format!("{status}: {line}"),
            None => format!("{status}, without a word"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of the requests: one with processes of its own, as a browser is, can end them. Then nobody answers.
        drop(self.child.stdin.take());
        let _ = self.answers.recv_timeout(GRACE);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
