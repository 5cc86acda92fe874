//! The options of a store string, as several backends read and write them.

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What would end or change the part of a store string it stands in.
pub(super) const RESERVED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'%').add(b'&').add(b'+').add(b'#').add(b'=').add(b'?').add(b'@');

/// Reads a time: `500ms`, `2s`, or plain milliseconds.
pub(super) fn parse_timeout(name: &str, text: &str, longest: Duration) -> Result<Duration, String> {
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => text.strip_suffix('s').map_or((text, 1), |digits| (digits, 1000)),
    };
    let millis = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    let millis = millis.ok_or_else(|| format!("{name} is not a time, such as 500ms or 2s"))?;
    let timeout = Duration::from_millis(millis);
    match timeout.is_zero() || timeout > longest {
        true => Err(format!("{name} must lie between 1ms and {}s", longest.as_secs())),
        false => Ok(timeout),
    }
}

/// Writes options behind the place of a store.
pub(super) fn write(f: &mut fmt::Formatter<'_>, options: &[(&str, String)]) -> fmt::Result {
    for (number, (name, value)) in options.iter().enumerate() {
        let mark = if number == 0 { '?' } else { '&' };
        write!(f, "{mark}{name}={}", utf8_percent_encode(value, RESERVED))?;
    }
    Ok(())
}
