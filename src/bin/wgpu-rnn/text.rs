//! Numbers and tables for people.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Three digits and a unit.
pub fn seconds(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    format!("{} {unit}", three_digits(value))
}

/// At least three digits: `1.23`, `12.3`, `1234`.
pub fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

pub fn bytes(bytes: u64) -> String {
    const UNITS: [(u32, &str); 3] = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match UNITS.into_iter().find(|(shift, _)| bytes >= 1 << shift) {
        Some((shift, unit)) if bytes.trailing_zeros() >= shift => {
            format!("{} {unit}", bytes >> shift)
        }
        Some((shift, unit)) => {
            format!("{} {unit}", three_digits(bytes as f64 / (1u64 << shift) as f64))
        }
        None => format!("{bytes} B"),
    }
}

/// `1 layer`, `2 layers`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Prints rows with their columns aligned: those that hold numbers to the right. The last one is as long as it is.
pub fn table(out: &mut dyn Write, rows: &[Vec<String>]) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let widths: Vec<usize> = (0..columns)
        .map(|c| cells(c).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let is_number = |cell: &String| cell.is_empty() || cell.starts_with(|c: char| c.is_numeric());
    let to_right: Vec<bool> = (0..columns).map(|c| cells(c).skip(1).all(is_number)).collect();
    for row in rows {
        let padded = row.iter().enumerate().map(|(c, cell)| match widths[c] {
            width if to_right[c] => format!("{cell:>width$}"),
            width => format!("{cell:<width$}"),
        });
        writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// A time as `2026-01-31T23:59:59Z`.
pub fn date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86400, seconds % 86400);
    // Howard Hinnant's civil_from_days: years that begin in March end with the leap day.
    let era_day = days + 719_468;
    let (era, day) = (era_day / 146_097, era_day % 146_097);
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + carry;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_know_leap_days() {
        let at = |seconds| date(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_868_799), "2000-02-29T23:59:59Z");
        assert_eq!(at(1_709_251_200), "2024-03-01T00:00:00Z");
        assert_eq!(at(4_102_444_800), "2100-01-01T00:00:00Z");
    }
}
