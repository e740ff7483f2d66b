//! Sizes as users write them: bytes, or a number with a unit (`512KiB`, `10MB`).

/// Units and their bytes: those of 1024 with an `i`, those of 1000 without (ISO 80000-1).
const UNITS: [(&str, u64); 9] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// What was written is no size.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not a size (bytes, or a whole number with a unit: 512KiB, 10MiB, 2GiB, 10MB)")]
pub struct SizeError(pub String);

/// Reads a size in bytes. Units in any case.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let unit = unit.trim_start();
    let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor);
    let size = number.parse().ok().zip(factor).and_then(|(number, factor): (u64, u64)| number.checked_mul(factor));
    size.ok_or_else(|| SizeError(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let rows =
            [("0", 0), ("512", 512), ("1KiB", 1024), ("10MiB", 10 << 20), ("10MB", 10_000_000), ("2 gib", 2 << 30)];
        for (text, bytes) in rows {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "KiB", "-1", "1.5MiB", "10M", "99999999999GiB", "1 0"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
