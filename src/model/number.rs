//! Whole numbers and ids as users write them: digits, a minus before them, nothing else.

/// What was written isn't what it must be.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be {must}, not '{found}'")]
pub struct Unfit {
    pub must: String,
    pub found: String,
}

/// What a whole number within these bounds is called.
pub fn range(least: i64, most: i64) -> String {
    format!("a whole number from {least} to {most}")
}

/// A whole number from `least` to `most`.
pub fn whole(text: &str, least: i64, most: i64) -> Result<i64, Unfit> {
    // parse would take a plus too.
    let digits = text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && (least..=most).contains(number));
    number.ok_or_else(|| Unfit { must: range(least, most), found: text.to_owned() })
}

/// The same, as priorities need it.
pub fn integer(text: &str, [least, most]: [i32; 2]) -> Result<i32, Unfit> {
    let number = whole(text, least.into(), most.into())?;
    i32::try_from(number).map_err(|_| Unfit { must: range(least.into(), most.into()), found: text.to_owned() })
}

/// The highest id of a user or group; the number above it means "leave as is" to the kernel.
const HIGHEST: u32 = u32::MAX - 1;

/// A number that no user or group can have.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is no possible id (0 to {HIGHEST})")]
pub struct NoId(String);

/// The number of a user or group, if the name is made of digits; a minus before them makes it an impossible one.
pub fn id(name: &str) -> Result<Option<u32>, NoId> {
    let digits = name.strip_prefix('-').unwrap_or(name);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    plain_id(name.as_bytes()).map(Some).ok_or_else(|| NoId(name.to_owned()))
}

/// The id that is written in digits and nothing else, as account files have it.
pub fn plain_id(digits: &[u8]) -> Option<u32> {
    let next = |number: u32, b: &u8| {
        let digit = b.is_ascii_digit().then(|| u32::from(b - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    let id = digits.iter().try_fold(0, next)?;
    (!digits.is_empty() && id <= HIGHEST).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_digits_a_minus_and_bounds() {
        for (text, number) in [("0", 0), ("-0", 0), ("19", 19), ("-20", -20), ("007", 7)] {
            assert_eq!(whole(text, -20, 19), Ok(number), "{text}");
        }
        for text in ["", "-", "+5", " 5", "5 ", "20", "-21", "1e1", "0x1", "99999999999999999999", "--1"] {
            let error = whole(text, -20, 19).unwrap_err().to_string();
            assert_eq!(error, format!("must be a whole number from -20 to 19, not '{text}'"));
        }
    }

    #[test]
    fn ids_are_digits_and_anything_else_is_a_name() {
        for (name, number) in [("0", 0), ("033", 33), ("4294967294", 4_294_967_294)] {
            assert_eq!(id(name), Ok(Some(number)), "{name}");
        }
        for name in ["", "-", "web", "+33", " 33", "3x"] {
            assert_eq!(id(name), Ok(None), "{name}");
        }
        for name in ["-1", "-0", "4294967295", "99999999999999999999"] {
            assert_eq!(id(name).unwrap_err().to_string(), format!("'{name}' is no possible id (0 to 4294967294)"));
        }
    }
}
