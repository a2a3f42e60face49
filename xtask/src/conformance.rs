//! `cargo xtask onnx-conformance`: the node tests of the installed `onnx` package for LSTM, GRU and RNN, each on every
//! schedule, as a table in Markdown.

use crate::{cmd, setup};
use std::{collections::BTreeMap, env, fmt::Write, fs, process::Command};

/// Names another Python, such as that of a virtual environment.
const PYTHON: &str = "PYTHON";
const NONE: &str = "–";

pub fn run(args: &[&str]) -> Result<(), String> {
    setup::ensure(&[setup::Need::Vulkan]);
    let folder = cmd::root().join("target/onnx-node-tests");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let python = env::var_os(PYTHON).unwrap_or("python3".into());
    let mut script = Command::new(&python);
    script.arg(cmd::root().join("tools/onnx_node_tests.py")).arg(&folder);
    let collected = cmd::capture(&mut script)?;
    let said = cmd::said(&collected);
    if said.contains("No module named 'onnx'") {
        let python = python.to_string_lossy();
        return Err(format!(
            "{python} has no onnx package: `{python} -m pip install onnx`, or name another Python in {PYTHON}"
        ));
    }
    if !collected.status.success() {
        return Err(format!("`{}` failed:\n{said}", cmd::line(&script)));
    }
    println!("{said}\n");
    let mut verify = cmd::cargo("run --quiet --features cli -- verify");
    let verified = cmd::capture(verify.arg(&folder).args(args))?;
    let out = String::from_utf8_lossy(&verified.stdout);
    let table = table(&out);
    if table.is_empty() {
        return Err(format!(
            "`{}` printed no results:\n{}",
            cmd::line(&verify),
            cmd::said(&verified)
        ));
    }
    println!("{table}");
    println!("{}", out.lines().next_back().unwrap_or_default());
    let collected = fs::read_dir(&folder).map_err(|error| error.to_string())?.count();
    let passed = passed(&table);
    if passed == collected && verified.status.success() {
        return Ok(());
    }
    Err(format!("{passed} of {collected} tests pass on every schedule"))
}

/// The rows of a table that say ok, and nothing but that of schedules that can run the test.
fn passed(table: &str) -> usize {
    let is_ok = |row: &&str| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim).skip(1).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.starts_with("ok"))
    };
    table.lines().skip(2).filter(is_ok).count()
}

/// A row for each test, a column for each schedule, from the lines of `wgpu-rnn verify`: status, test, schedule, error.
fn table(lines: &str) -> String {
    let mut rows: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    let mut schedules = Vec::new();
    for line in lines.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [status @ ("ok" | "FAIL" | "unsupported"), test, schedule, error, ..] = words[..]
        else {
            continue;
        };
        if !schedules.contains(&schedule) {
            schedules.push(schedule);
        }
        let cell = if status == "ok" { format!("ok ({error})") } else { status.to_string() };
        rows.entry(test).or_default().insert(schedule, cell);
    }
    let mut table = String::new();
    if rows.is_empty() {
        return table;
    }
    let rule = vec!["---"; schedules.len() + 1].join(" | ");
    let _ = writeln!(table, "| test | {} |\n| {rule} |", schedules.join(" | "));
    for (test, cells) in rows {
        let columns = schedules.iter();
        let cells: Vec<&str> =
            columns.map(|schedule| cells.get(schedule).map_or(NONE, String::as_str)).collect();
        let _ = writeln!(table, "| `{test}` | {} |", cells.join(" | "));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_a_table() {
        let lines = "\
ok           test_a  stepwise        5.4e-8  1e-4
FAIL         test_a  sequence-fused  1.0e-1  1e-4  Y[0] is 1, expected 2
unsupported  test_b  stepwise             -     -  node (Foo)
1 ok, 1 FAIL, 1 unsupported on llvmpipe";
        let expected = "\
| test | stepwise | sequence-fused |
| --- | --- | --- |
| `test_a` | ok (5.4e-8) | FAIL |
| `test_b` | unsupported | – |
";
        assert_eq!(passed(&table(lines)), 0);
        assert_eq!(
            passed(&table("ok a stepwise 0 1\nok a wavefront 0 1\nunsupported b stepwise - -")),
            1
        );
        assert_eq!(table(lines), expected);
        assert_eq!(table("error: no fixtures here"), "");
    }
}
