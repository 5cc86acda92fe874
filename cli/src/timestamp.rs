//! Formats points in time for people.

use bigseg::Clock;
use jiff::Timestamp;

const SECOND: i64 = 1000;

/// Formats when a store was last up to date, with its age.
pub(crate) fn last_up_to_date(unix_millis: Option<i64>) -> String {
    match unix_millis {
        Some(at) => format!("{} ({})", utc(at), ago(at, Clock::System.unix_millis())),
        None => "never".to_owned(),
    }
}

/// Formats Unix milliseconds as `2026-11-22 15:44:10 UTC`.
pub(crate) fn utc(unix_millis: i64) -> String {
    match Timestamp::from_millisecond(unix_millis) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        // A store may hold any number; calendars end with the year 9999.
        Err(_) => format!("{unix_millis} ms after 1970"),
    }
}

/// Formats the age of a point in time in the largest unit that fits.
pub(crate) fn ago(unix_millis: i64, now: i64) -> String {
    let seconds = now.saturating_sub(unix_millis) / SECOND;
    let (number, unit) = match seconds.unsigned_abs() {
        s @ 0..120 => (s, "s"),
        s @ 120..7200 => (s / 60, "min"),
        s @ 7200..172_800 => (s / 3600, "h"),
        s => (s / 86_400, "days"),
    };
    match seconds {
        0.. => format!("{number} {unit} ago"),
        _ => format!("{number} {unit} in the future"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        for (unix_millis, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199_999, "2024-02-29 23:59:59 UTC"),
            (1_709_251_200_000, "2024-03-01 00:00:00 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
            (i64::MAX, "9223372036854775807 ms after 1970"),
        ] {
            assert_eq!(utc(unix_millis), text);
        }
    }

    #[test]
    fn ages_have_the_largest_unit_that_fits() {
        assert_eq!(ago(1000, 4999), "3 s ago");
        assert_eq!(ago(0, 600_000), "10 min ago");
        assert_eq!(ago(259_200_000, 0), "3 days in the future");
        assert_eq!(ago(i64::MIN, i64::MAX), "106751991167 days ago");
    }
}
