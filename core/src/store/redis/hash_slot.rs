//! Hash slots of Redis Cluster: maps keys and commands to slot numbers.

use redis::{Arg, Cmd};

/// The number of slots of a cluster.
pub(super) const SLOTS: usize = 16_384;

/// Returns the slot of a key.
pub(super) fn slot_of(key: &[u8]) -> u16 {
    crc16::State::<crc16::XMODEM>::calculate(hash_tag(key).unwrap_or(key)) % SLOTS as u16
}

/// Returns the slot of a command: that of its first argument.
pub(super) fn slot_of_command(command: &Cmd) -> u16 {
    match command.args_iter().nth(1) {
        Some(Arg::Simple(key)) => slot_of(key),
        _ => 0,
    }
}

/// Returns the hash tag of a key: the text in its first braces, unless it is empty. It alone
/// decides the slot.
pub(super) fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|byte| *byte == b'{')?;
    let rest = &key[open + 1..];
    let close = rest.iter().position(|byte| *byte == b'}')?;
    if close > 0 { Some(&rest[..close]) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        // As reported by `CLUSTER KEYSLOT`.
        for (key, slot) in
            [("foo", 12182), ("{user1000}.following", 3443), ("foo{}{bar}", 8363), ("foo{{bar}}zap", 4015)]
        {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"{user1000}.followers"));
        assert_eq!(slot_of(b"foo{bar"), crc16::State::<crc16::XMODEM>::calculate(b"foo{bar") % 16_384);
    }
}
