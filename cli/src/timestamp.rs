//! Points in time for people.

use bigseg_core::Clock;

const SECOND: i64 = 1000;
const DAY: i64 = 86_400 * SECOND;

/// Says when a store was last up to date, and how long ago that is.
pub(crate) fn last_up_to_date(unix_millis: Option<i64>) -> String {
    match unix_millis {
        Some(at) => format!("{} ({})", utc(at), ago(at, Clock::System.unix_millis())),
        None => "never".to_owned(),
    }
}

/// Writes Unix milliseconds as `2026-11-22 15:44:10 UTC`.
pub(crate) fn utc(unix_millis: i64) -> String {
    let (year, month, day) = date(unix_millis.div_euclid(DAY));
    let seconds = unix_millis.rem_euclid(DAY) / SECOND;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Turns days since 1970-01-01 into a date of the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year, and in cycles of 400 years, which
/// all have the same number of days.
fn date(days: i64) -> (i64, i64, i64) {
    let from_march_of_year_0 = days + 719_468;
    let (cycle, day) = (from_march_of_year_0.div_euclid(146_097), from_march_of_year_0.rem_euclid(146_097));
    let year_of_cycle = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (cycle * 400 + year_of_cycle + next_year, month, day_of_month)
}

/// Says how long ago a point in time was, in the largest unit that fits.
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
    fn dates_are_those_of_the_calendar() {
        for (unix_millis, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199_999, "2024-02-29 23:59:59 UTC"),
            (1_709_251_200_000, "2024-03-01 00:00:00 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(unix_millis), text);
        }
    }

    #[test]
    fn ages_keep_to_the_largest_unit_that_fits() {
        assert_eq!(ago(1000, 4999), "3 s ago");
        assert_eq!(ago(0, 600_000), "10 min ago");
        assert_eq!(ago(3 * DAY, 0), "3 days in the future");
        assert_eq!(ago(i64::MIN, i64::MAX), "106751991167 days ago");
    }
}
