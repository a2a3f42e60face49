//! Running the tool.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// What a call of the tool left behind.
pub struct Call {
    command: String,
    pub status: Option<i32>,
    pub out: String,
    pub error: String,
}

/// Calls the tool with arguments that hold no spaces.
pub fn call(arguments: &str) -> Call {
    call_with(&arguments.split_whitespace().collect::<Vec<_>>())
}

pub fn call_with(arguments: &[&str]) -> Call {
    let output = Command::new(env!("CARGO_BIN_EXE_wgpu-rnn")).args(arguments).output();
    let output = output.expect("the tool starts");
    Call {
        command: arguments.join(" "),
        status: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        error: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Call {
    /// The output, if the exit status is as expected.
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        let Call { command, out, error, .. } = &self;
        assert_eq!(self.status, Some(status), "`{command}` printed\n{out}\nand\n{error}");
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let Call { command, out, .. } = &self;
        assert!(out.contains(text), "`{command}` does not print \"{text}\" but\n{out}");
        self
    }

    /// On standard error.
    #[track_caller]
    pub fn complains(self, text: &str) -> Self {
        let Call { command, error, .. } = &self;
        assert!(error.contains(text), "`{command}` does not complain of \"{text}\" but\n{error}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| {
            panic!("`{}` prints no JSON ({error}) but\n{}", self.command, self.out)
        })
    }
}

/// Why there is no adapter, if there is none.
pub fn missing_adapter() -> Option<String> {
    let info = call("info");
    let reason = info.error.lines().rev().find_map(|line| line.strip_prefix("error: "));
    // What was found instead is too long for the name of a test.
    let reason = reason.and_then(|reason| reason.split(':').next()).unwrap_or("no adapter");
    (info.status != Some(0)).then(|| reason.to_string())
}

/// An empty folder for a test's files.
pub fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli").join(test);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the folder can be emptied");
    }
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}
