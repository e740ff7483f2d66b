//! Sizes as users write them: `512KiB`, `10MiB`, `10MB`, bytes.

/// What was written isn't a size.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SizeError {
    /// No whole number, or an unknown unit.
    #[error("'{0}' is not a size (such as 512KiB, 10MiB, 10MB; a bare number is bytes)")]
    Malformed(String),
    /// Over 2⁶³: nothing is that large, and the kernel takes some of what is beyond for "unlimited".
    #[error("'{0}' is out of range")]
    TooLarge(String),
}

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// A size in bytes.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let malformed = || SizeError::Malformed(text.to_owned());
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let (_, factor) = UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)).ok_or_else(malformed)?;
    if digits.is_empty() {
        return Err(malformed());
    }
    let size = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
    size.filter(|size| *size < 1 << 63).ok_or_else(|| SizeError::TooLarge(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, size) in
            [("0", 0), ("512", 512), ("512KiB", 524_288), ("10MB", 10_000_000), ("1gib", 1 << 30), ("7B", 7)]
        {
            assert_eq!(parse_size(text), Ok(size), "{text}");
        }
        for text in ["", "KiB", "1.5GiB", "-1", "10 MB", "1K", "1XB", "0x10", "MiB1"] {
            assert_eq!(parse_size(text), Err(SizeError::Malformed(text.into())), "{text}");
        }
        for text in ["9223372036854775808", "99999999999999999999", "8388608TiB"] {
            assert_eq!(parse_size(text), Err(SizeError::TooLarge(text.into())), "{text}");
        }
    }
}
