//! Variables of an environment, as users name and set them.

use super::command::Variable;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What was written doesn't set a variable.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not NAME=value")]
pub struct NoAssignment(String);

/// `NAME=value`; the value may be empty, and any bytes.
pub fn assignment(text: &OsStr) -> Result<Variable, NoAssignment> {
    let bytes = text.as_bytes();
    let none = || NoAssignment(text.to_string_lossy().into_owned());
    let end = bytes.iter().position(|b| *b == b'=').filter(|end| *end > 0).ok_or_else(none)?;
    let (name, rest) = bytes.split_at(end);
    Ok((OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(rest.get(1..).unwrap_or_default()).to_owned()))
}

/// What was written names no variables.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is no variable's name, nor its beginning and a '*'")]
pub struct NoName(String);

/// Whether this is a variable's name, or the beginning of some names and a `*`.
pub fn check_names(text: &str) -> Result<(), NoName> {
    match text.is_empty() || text.strip_suffix('*').unwrap_or(text).contains(['*', '=']) {
        true => Err(NoName(text.to_owned())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_has_a_name_and_bytes() {
        for (text, name, value) in
            [("A=1", "A", "1"), ("A=", "A", ""), ("a b==c=d", "a b", "=c=d"), ("A=\n", "A", "\n")]
        {
            assert_eq!(assignment(text.as_ref()), Ok((name.into(), value.into())), "{text}");
        }
        let (_, value) = assignment(OsStr::from_bytes(b"A=\xff")).unwrap();
        assert_eq!(value.as_bytes(), b"\xff");
        for text in ["", "=", "=A", "A"] {
            assert_eq!(assignment(text.as_ref()).unwrap_err().to_string(), format!("'{text}' is not NAME=value"));
        }
    }

    #[test]
    fn names_may_end_in_a_star() {
        for text in ["PATH", "AWS_*", "*", "a b"] {
            assert_eq!(check_names(text), Ok(()), "{text}");
        }
        for text in ["", "A=1", "**", "*A", "A*B", "=*"] {
            assert!(check_names(text).is_err(), "{text}");
        }
    }
}
